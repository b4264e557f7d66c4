"""Recording rules, alert rules and objectives, as Prometheus reads them."""
