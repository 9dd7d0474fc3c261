"""Music: pieces in, new ones out. See `composer`."""
