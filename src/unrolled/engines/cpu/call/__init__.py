"""What one call of a kernel does."""
