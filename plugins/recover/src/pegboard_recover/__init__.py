"""Turns a failure into a value, or takes back what was done."""

from __future__ import annotations

from pegboard_recover._option import Fallback, Handle, Undo
from pegboard_recover._plugin import Recovery

__all__ = ["Fallback", "Handle", "Recovery", "Undo"]
