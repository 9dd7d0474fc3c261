"""Generation: a text in, its continuation out. See `generator`."""
