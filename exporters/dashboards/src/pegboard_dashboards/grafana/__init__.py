"""Grafana dashboards, as plain data."""
