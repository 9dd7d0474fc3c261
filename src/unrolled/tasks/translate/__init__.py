"""Translation: sequences in, other sequences out. See `translator`."""
