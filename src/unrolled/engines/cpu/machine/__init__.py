"""The processor: what it can do, its memory and threads, and how Python calls code on it."""
