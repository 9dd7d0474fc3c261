"""Tagging. In: sentences. Out: a tag for each word. See `tagger`."""
