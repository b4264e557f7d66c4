"""Takes the metrics of a session to Prometheus."""

from __future__ import annotations

from pegboard_prometheus._alerts import Thresholds
from pegboard_prometheus._dashboards import dashboards, write_dashboards
from pegboard_prometheus._plugin import Prometheus
from pegboard_prometheus._push import PushGateway
from pegboard_prometheus._rule_files import write_rules
from pegboard_prometheus._slo import SLO
from pegboard_prometheus._textfile import Textfile

__all__ = [
    "SLO",
    "Prometheus",
    "PushGateway",
    "Textfile",
    "Thresholds",
    "dashboards",
    "write_dashboards",
    "write_rules",
]
