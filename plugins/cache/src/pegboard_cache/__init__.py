"""Keeps what a task returned, and answers the next equal call with it."""
