"""Captions. In: pictures. Out: texts. See `captioner`."""
