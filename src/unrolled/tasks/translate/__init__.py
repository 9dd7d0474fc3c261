"""Translation. In: sequences. Out: other sequences. See `translator`."""
