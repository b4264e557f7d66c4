"""Flows: graphs recorded from plain calls."""
