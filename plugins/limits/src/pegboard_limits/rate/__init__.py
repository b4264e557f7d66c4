"""Spreads the runs of a task over time."""
