"""Serves the metrics of a session to Prometheus."""
