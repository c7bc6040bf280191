"""How data moves: one sub-package per stage, which meet only in the tables."""
