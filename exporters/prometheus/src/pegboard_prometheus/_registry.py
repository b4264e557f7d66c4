"""Where an exporter takes its numbers from, and counts those that it could not take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pegboard import MissingPlugin
from pegboard_metrics import Metrics

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from pegboard import Session


def registry_of(session: Session, exporter: str) -> CollectorRegistry:
    """Return the registry that the session's metrics are in.

    Raises:
        MissingPlugin: It has none; `exporter` is how the message names who asks.
    """
    found = session.get(Metrics)
    if found is not None:
        return found.registry
    raise MissingPlugin(
        f"{exporter} takes out what the plugin 'metrics' counts, and this session has none, so there would be "
        f"nothing in it.\nAttach it too: Session(Metrics(), {exporter}). Attached: {', '.join(session.plugins)}.",
        plugin="metrics",
    )


def count_loss(session: Session) -> None:
    """Count a collector or family that could not be read, among what telemetry has lost."""
    dropped = session.measure(
        "counter",
        "pegboard_telemetry_dropped",
        "Telemetry that was not delivered by an exporter.",
        ("pegboard_signal", "pegboard_reason"),
    )
    dropped.labels(pegboard_signal="metrics", pegboard_reason="invalid").add(1)
