"""One call to its end, and many at once."""
