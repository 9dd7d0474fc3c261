"""How an equation runs fast: one plan, and an engine for each sort of machine."""
