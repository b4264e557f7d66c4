"""Runs a failed task again, after a wait."""

from __future__ import annotations

from pegboard_retry import presets
from pegboard_retry._backoff import Backoff
from pegboard_retry._option import Retry, RetryBudget
from pegboard_retry._plugin import Retrying

__all__ = ["Backoff", "Retry", "RetryBudget", "Retrying", "presets"]
