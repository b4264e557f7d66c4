"""One OpenTelemetry span per call of a task."""
