"""Who made the metrics, and who sends: as OTLP asks to know."""

from __future__ import annotations

import functools
import importlib.metadata

SCOPE = "pegboard"
SCHEMA_URL = "https://opentelemetry.io/schemas/1.44.0"
USERS_SCOPE = "prometheus_client"


@functools.cache
def version(distribution: str) -> str | None:
    """Return the version of an installed distribution."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:  # run from a folder, without an installation
        return None


def user_agent() -> str:
    """Return what this exporter calls itself to back ends, as the specification of exporters asks for."""
    return f"OTel-OTLP-Exporter-Python/pegboard-otlp-{version('pegboard-otlp') or 'unknown'}"
