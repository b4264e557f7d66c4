"""Grafana dashboards, rules and objectives for Prometheus, made from the table of metrics."""

from __future__ import annotations

from pegboard_dashboards._writing import dashboards, rule_groups, write_dashboards, write_rules
from pegboard_dashboards.rules.alerts import Thresholds
from pegboard_dashboards.rules.kubernetes import PrometheusRule
from pegboard_dashboards.rules.slo import SLO

__all__ = [
    "SLO",
    "PrometheusRule",
    "Thresholds",
    "dashboards",
    "rule_groups",
    "write_dashboards",
    "write_rules",
]
