"""Generation. In: a text. Out: its continuation. See `generator`."""
