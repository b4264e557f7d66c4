"""The SDK's exporters, made for one destination and kept quiet about it."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Protocol

from pegboard import ConfigError

if TYPE_CHECKING:
    from pegboard_otlp._destination import Destination

_CLASSES = {
    "traces": ("trace_exporter", "OTLPSpanExporter"),
    "metrics": ("metric_exporter", "OTLPMetricExporter"),
    "logs": ("_log_exporter", "OTLPLogExporter"),
}
_PACKAGES = {
    "http/protobuf": "opentelemetry.exporter.otlp.proto.http",
    "grpc": "opentelemetry.exporter.otlp.proto.grpc",
}
# Beside the modules of the exporter itself: who else writes log lines while it works.
_HELPERS = (
    "opentelemetry.exporter.otlp.common.http",
    "opentelemetry.exporter.otlp.proto.common._internal",
    "urllib3.connectionpool",
)


class Exporter(Protocol):
    """What is used of the SDK's exporters."""

    def export(self, batch: Any, /) -> Any:
        """Send, and tell how it went."""

    def shutdown(self) -> None:
        """Give up what is being tried, and close the connections."""


def make_exporter(destination: Destination) -> Exporter:
    """Make the exporter of one signal.

    Raises:
        ConfigError: Its library is not installed, or refuses the settings.
    """
    module, name = _CLASSES[destination.signal]
    package = _PACKAGES[destination.protocol]
    try:
        exporter_class = getattr(importlib.import_module(f"{package}.{module}"), name)
    except (ImportError, AttributeError) as error:
        raise _missing(destination, package) from error
    headers = dict(destination.headers)
    arguments: dict[str, Any] = {"endpoint": destination.address.url, "headers": headers}
    if destination.protocol == "grpc":
        arguments = {
            "endpoint": f"{destination.address.scheme}://{destination.address.place}",
            "headers": tuple(headers.items()),
            "insecure": destination.address.scheme == "http",
        }
    try:
        exporter: Exporter = exporter_class(**arguments, timeout=destination.timeout)
    except Exception as error:  # noqa: BLE001 - whatever a library raises, without its text: it may hold credentials
        raise ConfigError(
            f"the exporter of {destination.signal} over {destination.protocol} does not accept its settings "
            f"({type(error).__name__}).\nCheck the OTEL_EXPORTER_OTLP_* variables for timeout, compression and certificates.",
            where="OTLP",
            key=destination.signal,
        ) from None
    return exporter


def logger_names(exporter: Exporter) -> set[str]:
    """List the loggers that an exporter's work writes to."""
    modules = {base.__module__ for base in type(exporter).__mro__}
    return {*(name for name in modules if name.startswith("opentelemetry.exporter")), *_HELPERS}


def _missing(destination: Destination, package: str) -> ConfigError:
    if destination.signal == "logs":
        way_out = "Logs need opentelemetry-sdk 1.39 or later, and its exporter; or leave logs=True out."
    elif destination.protocol == "grpc":
        way_out = "Install it: pip install 'pegboard[otlp-grpc]'."
    else:
        way_out = "Install it: pip install opentelemetry-exporter-otlp-proto-http."
    return ConfigError(
        f"{destination.signal} over {destination.protocol} need {package}, which is not installed, or without that part.\n"
        f"{way_out}",
        where="OTLP",
        key="protocol",
    )
