"""Runs a failed task again, after a wait."""
