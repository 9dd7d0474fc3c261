"""Music. In: pieces. Out: new ones. See `composer`."""
