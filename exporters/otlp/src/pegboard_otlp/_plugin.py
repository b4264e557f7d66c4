"""The exporter that speaks OTLP. The SDK is imported when a session starts, not before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pegboard import ConfigError, MissingPlugin, hookimpl, texts
from pegboard.parts import checks, new_rlock
from pegboard_metrics import Metrics
from pegboard_otlp import _environment
from pegboard_otlp._address import Address, parse_address
from pegboard_otlp._destination import Protocol, Request, Signal, checked_protocol, destination_of
from pegboard_tracing import Tracing

if TYPE_CHECKING:
    from opentelemetry.sdk._logs import LogRecordProcessor
    from opentelemetry.sdk.trace import SpanProcessor

    from pegboard import Session
    from pegboard_otlp._delivery import Delivery


_FLAG = checks.flag()
_FLUSH_TIMEOUT = checks.seconds(value_error=ConfigError)
_TIME = checks.seconds(above=0, value_error=ConfigError).or_none("what the environment says, or the default")
_MAKERS: Mapping[Signal, tuple[str, type]] = {
    "traces": (Tracing.name, Tracing),
    "metrics": (Metrics.name, Metrics),
}


class OTLP:
    """Sends the spans, metrics and log records of its session to a collector or back end that speaks OTLP.

    What is left out is taken from the `OTEL_EXPORTER_OTLP_*` variables, or else is the default of the specification; an
    argument goes before the variables. Names and attributes of the service come from `OTEL_SERVICE_NAME` and
    `OTEL_RESOURCE_ATTRIBUTES`. With `OTEL_SDK_DISABLED=true` nothing is sent.

    Nothing waits for the collector but the end of the session, and that for `flush_timeout` at most; what could not be
    sent by then is said in one warning for each signal. Threads are daemons and end with the session.

    Args:
        endpoint: Address of the collector, for all signals: `http://localhost:4318`. With HTTP `/v1/traces` and its like are
            added. Name and password in it are sent as a header.
        protocol: `http/protobuf`, the default, or `grpc`, which needs `pegboard[otlp-grpc]`.
        headers: Sent with every request, beside those of the environment.
        timeout: Seconds that one export may take, retries included; by default 10.
        flush_timeout: Seconds that the end of the session may wait for all signals together.
        traces: Send spans; needs the plugin `tracing`.
        metrics: Send metrics; needs the plugin `metrics`.
        logs: Send the log records that reach the root logger of the process while the session is open.
        metric_interval: Seconds between two pushes of the metrics; by default 60.

    Raises:
        ConfigError: An argument, or when a session starts a variable, cannot be used; or a library is missing.
        MissingPlugin: When a session starts: there is nothing to send.
    """

    name = "otlp"
    falls_back_on: ClassVar[Mapping[str, tuple[str, ...]]] = {
        keyword: tuple(
            f"OTEL_EXPORTER_OTLP_{part}{keyword.upper()}" for part in ("TRACES_", "METRICS_", "LOGS_", "")
        )
        for keyword in ("endpoint", "protocol", "headers", "timeout")
    } | {"metric_interval": ("OTEL_METRIC_EXPORT_INTERVAL",)}

    def __init__(
        self,
        endpoint: str | None = None,
        *,
        protocol: Protocol | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        flush_timeout: float = 2.0,
        traces: bool = True,
        metrics: bool = True,
        logs: bool = False,
        metric_interval: float | None = None,
    ) -> None:
        self._request = Request(
            endpoint=None if endpoint is None else _checked_endpoint(endpoint),
            protocol=None if protocol is None else checked_protocol(protocol, "OTLP", "protocol"),
            headers=_checked_headers({} if headers is None else headers),
            timeout=_TIME.check("timeout", timeout, owner="OTLP"),
        )
        self._flush_timeout = _FLUSH_TIMEOUT.check("flush_timeout", flush_timeout, owner="OTLP")
        self._interval = _TIME.check("metric_interval", metric_interval, owner="OTLP")
        wanted: dict[Signal, bool] = {"traces": traces, "metrics": metrics, "logs": logs}
        self._signals = tuple(
            signal for signal, wants in wanted.items() if _FLAG.check(signal, wants, owner="OTLP")
        )
        if not self._signals:
            raise ConfigError(
                "OTLP(traces=False, metrics=False, logs=False) sends nothing.\nLeave one of them on, or OTLP out.",
                where="OTLP",
                key="traces",
            )
        self._elsewhere = {
            "endpoint": endpoint,
            "protocol": protocol,
            "headers": None if headers is None else dict(headers),
            "timeout": timeout,
            "flush_timeout": flush_timeout,
            "traces": traces,
            "metrics": False,  # they come home, and leave from here
            "logs": logs,
        }
        self._guard = new_rlock()
        self._deliveries: dict[Session, Delivery] = {}

    def __repr__(self) -> str:
        endpoint = "" if self._request.endpoint is None else f"{self._request.endpoint.shown!r}, "
        return f"OTLP({endpoint}signals={'+'.join(self._signals)})"

    def worker_settings(self) -> dict[str, Any] | None:
        """Have workers send their own spans and log records; what they measure is sent from here."""
        return self._elsewhere if {"traces", "logs"} & {*self._signals} else None

    @hookimpl
    def session_start(self, session: Session) -> None:
        """Make ready to send, and look whether there will be anything."""
        _check_plugins(session, self._signals)
        self._delivery(session)

    @hookimpl(optionalhook=True)
    def span_processors(self, session: Session) -> list[SpanProcessor]:
        """Give tracing the processor that takes the session's spans."""
        delivery = self._delivery(session)
        return [] if delivery is None else delivery.span_processors()

    @hookimpl(optionalhook=True)
    def log_record_processors(self, session: Session) -> list[LogRecordProcessor]:
        """Give tracing the processor that takes exceptions as log records, where log records are sent."""
        delivery = self._delivery(session)
        return [] if delivery is None else delivery.log_record_processors()

    @hookimpl
    def session_forked(self, session: Session) -> None:
        """Send from the child what happens there: over connections, from threads and as a service instance of its own."""
        delivery = self._deliveries.get(session)
        if delivery is not None:
            delivery.begin_anew()

    @hookimpl
    def session_end(self, session: Session) -> None:
        """Send what is there, for `flush_timeout` seconds at most, and say what was lost."""
        with self._guard:
            delivery = self._deliveries.pop(session, None)
        if delivery is not None:
            delivery.end()

    def flush(self, timeout: float | None = None) -> bool:
        """Send everything that its sessions have, without ending them; for a program that may be frozen or killed.

        It blocks its thread; from a coroutine, `await asyncio.to_thread(otlp.flush)`.

        Args:
            timeout: Seconds to wait; by default `flush_timeout`.

        Returns:
            Whether all of it arrived in time.
        """
        with self._guard:
            deliveries = list(self._deliveries.values())
        waits = [delivery.begin_flush(timeout) for delivery in deliveries]
        arrived = [wait() for wait in waits]
        return all(arrived)

    def _delivery(self, session: Session) -> Delivery | None:
        """Return what leaves a session, made at the first request; None when the environment forbids any of it."""
        if _environment.is_true("OTEL_SDK_DISABLED"):
            return None
        with self._guard:
            found = self._deliveries.get(session)
            if found is None:
                found = self._deliveries[session] = self._make_delivery(session)
            return found

    def _make_delivery(self, session: Session) -> Delivery:
        from pegboard_otlp._delivery import Delivery

        destinations = {signal: destination_of(signal, self._request) for signal in self._signals}
        interval = (
            self._interval or _environment.number("OTEL_METRIC_EXPORT_INTERVAL", 60_000, at_least=1) / 1_000
        )
        return Delivery(session, destinations, interval, self._flush_timeout)


def _check_plugins(session: Session, signals: tuple[Signal, ...]) -> None:
    """Refuse a session whose plugins make nothing of what is to be sent."""
    missing: dict[str, str] = {}
    for signal in signals:
        if signal not in _MAKERS:
            return
        name, maker = _MAKERS[signal]
        if session.get(maker) is not None:
            return
        missing[name] = f"{maker.__name__}()"
    raise MissingPlugin(
        f"OTLP() sends what the plugins {' and '.join(missing)} make, and this session has none of them, so nothing would "
        f"be sent.\nAttach them too: Session({', '.join(missing.values())}, OTLP(...)). "
        f"Attached: {', '.join(session.plugins)}.",
        plugin=next(iter(missing)),
    )


def _checked_endpoint(endpoint: object) -> Address:
    if not isinstance(endpoint, str):
        raise TypeError(
            f"OTLP(endpoint=...) takes an address such as 'http://localhost:4318', not {texts.a(type(endpoint).__name__)}."
        )
    return parse_address(endpoint, "OTLP", "endpoint").base()


def _checked_headers(headers: Any) -> dict[str, str]:
    """Lower the names, which gRPC asks for, and refuse what no request can carry; values are not shown."""
    if not isinstance(headers, Mapping):
        raise TypeError(
            f"OTLP(headers=...) takes a mapping of names to values, not {texts.a(type(headers).__name__)}."
        )
    for position, (name, value) in enumerate(headers.items(), 1):
        if not isinstance(name, str) or not isinstance(value, str):
            raise TypeError(f"OTLP(headers=...): entry {position} is not a text with a text for its value.")
        if not _environment.is_header(name, value):
            raise ConfigError(
                f"OTLP(headers=...): entry {position} is no header that a request can carry, as name or value hold "
                f"characters that headers cannot.\nNames are letters, digits and dashes; values are printable ASCII.",
                where="OTLP",
                key="headers",
            )
    return {name.lower(): value for name, value in headers.items()}
