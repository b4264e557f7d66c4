"""Serves the metrics of a session to Prometheus."""

from __future__ import annotations

from pegboard_prometheus._plugin import Prometheus

__all__ = ["Prometheus"]
