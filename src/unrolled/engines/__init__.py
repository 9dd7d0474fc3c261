"""Run equations fast: one plan, and an engine for each kind of machine."""
