"""The steps of one call of a kernel, as data."""
