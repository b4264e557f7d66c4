"""Counts and times the calls of tasks, in a prometheus-client registry."""

from __future__ import annotations

from pegboard_metrics._option import Metered
from pegboard_metrics._plugin import Metrics
from pegboard_metrics._stats import TaskStats

__all__ = ["Metered", "Metrics", "TaskStats"]
