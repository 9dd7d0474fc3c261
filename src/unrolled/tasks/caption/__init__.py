"""Captions: pictures in, texts out. See `captioner`."""
