"""The Redis that rate limits and concurrency limits are kept in for all processes."""
