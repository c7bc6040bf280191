"""Keep: one winning copy of each event, exact rollups."""
