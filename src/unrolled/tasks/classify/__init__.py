"""Classification: texts or series in, one label for each out. See `classifier`."""
