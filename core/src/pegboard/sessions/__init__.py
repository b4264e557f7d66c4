"""Plugins for a lifetime: sessions, and the one that serves where none is open."""
