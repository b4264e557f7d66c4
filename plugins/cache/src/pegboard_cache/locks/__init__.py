"""Who computes a value that several want at one time, in one process and in several."""
