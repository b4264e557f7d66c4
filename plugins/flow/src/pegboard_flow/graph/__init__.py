"""Graphs built by hand: checked, drawn, put in order."""
