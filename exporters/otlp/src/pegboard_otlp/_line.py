"""The line to a collector: the SDK's exporter, with what it has to say kept for us."""

from __future__ import annotations

import contextlib
import logging
import re
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pegboard.parts import after_fork
from pegboard.texts import cut, one_line
from pegboard_otlp._exporters import Exporter, logger_names, make_exporter

if TYPE_CHECKING:
    from pegboard_otlp._destination import Destination

_here = threading.local()
_LONGEST = 300
_RETRIED = re.compile(
    r"Transient error (.+) encountered while exporting .* retrying in \S+s\.(?: Error details: (.*))?",
    re.DOTALL,
)
_SAYS_NOTHING = ("due to timeout, max retries", "Shutdown in progress", "already shutdown")


class Line:
    """Sends batches to one destination.

    The SDK's exporters tell in log lines alone why they failed, with whole addresses in some, and one line for each try.
    While `open`, lines that are written on this thread are kept from the log; the last one is there as `why`, masked.

    Raises:
        ConfigError: The exporter cannot be made.
    """

    def __init__(self, destination: Destination) -> None:
        self.destination = destination
        self.why = ""
        self._is_closed = False
        self._exporter: Exporter | None = make_exporter(destination)
        after_fork(self._let_go)

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Be used by this thread, and be closed at its end."""
        listener = _Listener(self)
        _here.is_sending = True
        loggers = [logging.getLogger(name) for name in self._logger_names()]
        for logger in loggers:
            logger.filters.insert(0, listener)  # before the SDK's own, which drop lines they have seen lately
        try:
            _suppress_instrumentation()
            yield
            self.close()
        finally:
            for logger in loggers:
                logger.removeFilter(listener)

    def send(self, batch: Any) -> bool:
        """Send one batch, as often as the exporter thinks fit; True when it arrived."""
        if self._exporter is None and not self._is_closed:
            self._exporter = make_exporter(self.destination)
        exporter = self._exporter
        if exporter is None:
            return False
        try:
            result = exporter.export(batch)
        except Exception as error:  # noqa: BLE001 - whatever a library raises: a batch that was not delivered
            self.why = f"{type(error).__name__} in {type(exporter).__name__}.export"
            return False
        return getattr(result, "name", "") == "SUCCESS"

    def close(self) -> None:
        """Give up what is being tried, and close the connections; once."""
        self._is_closed = True
        exporter, self._exporter = self._exporter, None
        if exporter is not None:
            exporter.shutdown()

    def cut(self) -> None:
        """Close from a thread of its own, as some exporters wait for what they are sending."""
        try:
            threading.Thread(target=self.close, name="pegboard-otlp-cut", daemon=True).start()
        except RuntimeError:  # the interpreter is ending, and takes the connections with it
            pass

    def heard(self, text: str) -> None:
        """Keep what the exporter said, without credentials, in one line."""
        if any(empty in text for empty in _SAYS_NOTHING) and self.why:
            return
        retried = _RETRIED.match(text)
        text = ": ".join(part for part in retried.groups() if part) if retried else text
        for credential in self.destination.credentials:
            text = text.replace(credential, "***")
        self.why = cut(one_line(" ".join(text.split())), _LONGEST)

    def _let_go(self) -> None:
        """In a forked child, have a new exporter made when it is needed: two processes cannot share a connection."""
        self._exporter = None

    def _logger_names(self) -> set[str]:
        exporter = self._exporter or make_exporter(self.destination)
        self._exporter = exporter
        return logger_names(exporter)


def is_sending() -> bool:
    """Whether this thread is one of those that send; what it logs must not be sent, or it would never end."""
    return getattr(_here, "is_sending", False)


class _Listener(logging.Filter):
    """Takes the lines of one thread out of the log."""

    def __init__(self, line: Line) -> None:
        super().__init__()
        self._line = line
        self._thread = threading.get_ident()

    def filter(self, record: logging.LogRecord) -> bool:
        if threading.get_ident() != self._thread:
            return True
        if record.levelno >= logging.WARNING:
            self._line.heard(record.getMessage())
        return False


def _suppress_instrumentation() -> None:
    """Have instrumented HTTP clients make no spans of this thread's requests, which would be sent, and make spans."""
    from opentelemetry import context

    for name in ("_SUPPRESS_INSTRUMENTATION_KEY", "_SUPPRESS_HTTP_INSTRUMENTATION_KEY"):
        key = getattr(context, name, None)  # private upstream; the SDK's own processors set them too
        if key is not None:
            context.attach(context.set_value(key, True))  # for good: it ends with the thread
