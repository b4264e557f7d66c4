"""Different calls at once or one after another: `gather`, `parallel`, `pipeline`, `apipeline`."""

from __future__ import annotations

from pegboard_compose._gather import gather, parallel
from pegboard_compose._pipeline import apipeline, pipeline

__all__ = ["apipeline", "gather", "parallel", "pipeline"]
