"""The same equation under torch's own autograd."""
