"""Sends traces, metrics and logs to an OTLP back end."""

from __future__ import annotations

from pegboard_otlp._plugin import OTLP

__all__ = ["OTLP"]
