"""Stops waiting for a task that takes too long."""

from __future__ import annotations

from pegboard_timeout._option import Deadline, Timeout
from pegboard_timeout._plugin import Timeouts

__all__ = ["Deadline", "Timeout", "Timeouts"]
