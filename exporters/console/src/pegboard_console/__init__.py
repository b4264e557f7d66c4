"""Shows calls in the terminal as they end, and a summary at the end of the session."""

from pegboard_console._plugin import Console

__all__ = ["Console"]
