"""Counts and times the calls of tasks, in a prometheus-client registry."""
