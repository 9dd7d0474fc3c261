"""The plan of a step: how it is laid out, whatever engine runs it."""
