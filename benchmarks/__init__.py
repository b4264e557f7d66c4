"""What a call costs: programs that measure, run by `make bench`."""
