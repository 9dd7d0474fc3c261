"""The plan of a step: its layout, for any engine."""
