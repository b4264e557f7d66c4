"""A fresh start for the session that serves where none is open."""

from __future__ import annotations

from pegboard.sessions.default import DEFAULT


def reset_default_session() -> None:
    """End the process-wide default session; the next call reads files and environment again."""
    DEFAULT.reset()
