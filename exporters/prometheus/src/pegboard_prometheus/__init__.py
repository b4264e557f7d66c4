"""Takes the metrics of a session to Prometheus."""

from __future__ import annotations

from pegboard_prometheus._plugin import Prometheus
from pegboard_prometheus.batch.push import PushGateway
from pegboard_prometheus.batch.textfile import Textfile

__all__ = ["Prometheus", "PushGateway", "Textfile"]
