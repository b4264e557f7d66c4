"""One OpenTelemetry span per call of a task."""

from pegboard_tracing._option import Traced
from pegboard_tracing._plugin import Tracing, tracer

__all__ = ["Traced", "Tracing", "tracer"]
