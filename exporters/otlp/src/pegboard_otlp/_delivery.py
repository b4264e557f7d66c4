"""What leaves one session: the signals that were asked for, and the end of them all within one deadline."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from pegboard_metrics import Metrics
from pegboard_otlp._line import Line
from pegboard_otlp._losses import Losses
from pegboard_otlp._outbox import Limits, Outbox
from pegboard_otlp._push import Push

if TYPE_CHECKING:
    from opentelemetry.sdk._logs import LogRecordProcessor
    from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
    from prometheus_client import CollectorRegistry

    from pegboard import Session
    from pegboard_otlp._destination import Destination, Signal
    from pegboard_otlp._logs import SendingHandler
    from pegboard_otlp._packing import Form
    from pegboard_otlp._records import Record

_ITEMS = {"traces": "spans", "metrics": "metric points", "logs": "log records"}


class Part(Protocol):
    """One signal of a session."""

    losses: Losses

    def begin_flush(self) -> Callable[[float], bool]:
        """Ask for what is there to be sent; the answer waits for it."""

    def begin_end(self) -> Callable[[float], bool]:
        """Ask for what is there to be sent, and an end; the answer waits, and counts what is late as lost."""


class Delivery:
    """The signals of one session on their way out.

    Args:
        session: Whose.
        destinations: Where each signal goes.
        metric_interval: Seconds between two pushes of the metrics.
        flush_timeout: Seconds that the end of the session may take for all signals together.

    Raises:
        ConfigError: A library is missing, or a variable cannot be used.
    """

    def __init__(
        self,
        session: Session,
        destinations: Mapping[Signal, Destination],
        metric_interval: float,
        flush_timeout: float,
    ) -> None:
        self._session = session
        self._flush_timeout = flush_timeout
        self._parts: list[Part] = []
        self._spans: Outbox[ReadableSpan] | None = None
        self._handler: SendingHandler | None = None
        self._push: Push | None = None
        self._records: Outbox[Record] | None = None
        self._lines: list[Line] = []
        try:
            self._add_parts(destinations, metric_interval)
        except BaseException:
            for line in self._lines:
                line.close()
            raise

    def span_processors(self) -> list[SpanProcessor]:
        """Return what tracing is to hand its spans to."""
        if self._spans is None:
            return []
        from pegboard_otlp._spans import QueueingProcessor

        return [QueueingProcessor(self._spans)]

    def log_record_processors(self) -> list[LogRecordProcessor]:
        """Return what tracing is to hand exceptions to that are log records."""
        if self._records is None:
            return []
        from pegboard_otlp._log_records import QueueingRecords

        return [QueueingRecords(self._records)]

    def begin_flush(self, seconds: float | None = None) -> Callable[[], bool]:
        """Ask for everything that is there to be sent; the answer waits, and is False when not all of it arrived in time.

        Args:
            seconds: From now; by default as long as the end of the session may take.
        """
        deadline = time.monotonic() + (self._flush_timeout if seconds is None else seconds)
        waits = [part.begin_flush() for part in self._parts]

        def wait_for_all() -> bool:
            arrived = [wait(deadline - time.monotonic()) for wait in waits]
            return all(arrived)

        return wait_for_all

    def begin_anew(self) -> None:
        """Go on in a forked child: what waits for a batch there begins its thread by itself, and metrics do here."""
        if self._handler is not None:
            self._handler.begin_anew()
        if self._push is not None:
            self._push.begin_anew()

    def end(self) -> None:
        """Send what is there, within the deadline; say and count what is lost."""
        if self._handler is not None:
            logging.getLogger().removeHandler(self._handler)
        deadline = time.monotonic() + self._flush_timeout
        waits = [part.begin_end() for part in self._parts]
        try:
            for wait in waits:
                wait(deadline - time.monotonic())
        finally:  # a KeyboardInterrupt ends the wait, and what is not sent by then is lost
            for wait in waits:
                wait(0.0)
            for part in self._parts:
                part.losses.sum_up(self._flush_timeout)

    def _add_parts(self, destinations: Mapping[Signal, Destination], metric_interval: float) -> None:
        lines: dict[Signal, Line] = {}
        for signal, destination in destinations.items():
            lines[signal] = Line(destination)
            self._lines.append(lines[signal])
        if "traces" in lines:
            from pegboard_otlp._span_message import SPANS

            self._spans = self._outbox(SPANS, lines["traces"], "OTEL_BSP")
        if "logs" in lines:
            from pegboard_otlp._log_message import LOG_RECORDS
            from pegboard_otlp._logs import SendingHandler

            self._records = self._outbox(LOG_RECORDS, lines["logs"], "OTEL_BLRP")
            self._handler = SendingHandler(self._records, self._session.masks)
        if "metrics" in lines:
            line = lines["metrics"]
            self._push = Push(line, self._registry, self._losses(line), metric_interval)
            self._parts.append(self._push)
        if self._handler is not None:
            logging.getLogger().addHandler(self._handler)

    def _outbox(self, form: Form, line: Line, prefix: str) -> Outbox[Any]:
        limits = Limits.of_environment(prefix)
        outbox: Outbox[Any] = Outbox(form, line, limits, self._losses(line), self._flush_timeout)
        self._parts.append(outbox)
        return outbox

    def _losses(self, line: Line) -> Losses:
        signal, address = line.destination.signal, line.destination.address
        return Losses(signal, _ITEMS[signal], address.shown, self._tell)

    def _registry(self) -> CollectorRegistry | None:
        metrics = self._session.get(Metrics)
        return None if metrics is None else metrics.registry

    def _tell(self, signal: str, reason: str, number: int) -> None:
        dropped = self._session.measure(
            "counter",
            "pegboard_telemetry_dropped",
            "Telemetry that was not delivered by an exporter.",
            ("pegboard_signal", "pegboard_reason"),
        )
        dropped.labels(pegboard_signal=signal, pegboard_reason=reason).add(number)
