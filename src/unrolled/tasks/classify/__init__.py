"""Texts or series in, a class, several labels or a number out. See `classifier`, `regressor`."""
