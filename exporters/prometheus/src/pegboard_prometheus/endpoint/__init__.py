"""The HTTP server that Prometheus scrapes."""
