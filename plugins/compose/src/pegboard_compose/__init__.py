"""Different calls at once or one after another: `gather`, `parallel`, `pipeline`."""

from __future__ import annotations

from pegboard_compose._gather import gather, parallel
from pegboard_compose._pipeline import pipeline

__all__ = ["gather", "parallel", "pipeline"]
