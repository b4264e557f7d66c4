"""Lets only so many calls go on at once."""
