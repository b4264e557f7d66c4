"""Tasks in order, side by side, or as a context says."""
