"""Tagging: sentences in, a tag for each word out. See `tagger`."""
