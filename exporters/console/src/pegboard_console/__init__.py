"""Shows calls in the terminal as they end, and a summary at the end of the session."""
