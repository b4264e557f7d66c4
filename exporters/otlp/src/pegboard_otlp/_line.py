"""The line to a back end: what it does not take now is tried again, for a while."""

from __future__ import annotations

import contextlib
import importlib
import itertools
import logging
import random
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import attrs

from pegboard import ConfigError
from pegboard.parts import after_fork
from pegboard.texts import cut, one_line
from pegboard_otlp._reply import Carrier, Reply

if TYPE_CHECKING:
    from pegboard_otlp._destination import Destination

_here = threading.local()
_random = random.SystemRandom()  # draws nothing from the program's own numbers, and others in every fork
_LONGEST = 300
_LONGEST_PAUSE = 30.0
_LEAST_PAUSE = 0.1
_JITTER = 0.2
_CARRIERS = {
    "http/protobuf": ("pegboard_otlp._http", "HttpCarrier", "pip install requests"),
    "grpc": ("pegboard_otlp._grpc", "GrpcCarrier", "pip install 'pegboard[otlp-grpc]'"),
}
# Who writes log lines of a request, with whole addresses in some.
_TALKERS = (
    "urllib3.connectionpool",
    "urllib3.connection",
    "urllib3.util.retry",
    "grpc._channel",
    "grpc._common",
)
_CLOSED = Reply("lost", "closed")


class Line:
    """Sends requests to one destination, from one thread.

    While `open`, what the libraries beneath write to the log on this thread is kept from it.

    Attributes:
        destination: Where to.
        why: What went wrong at the last try, masked; "" as long as nothing did.
        kind: The same, in a word that stays the same as long as it does.

    Raises:
        ConfigError: A library is not installed, or refuses the settings.
    """

    def __init__(self, destination: Destination) -> None:
        self.destination = destination
        self.why = ""
        self.kind = ""
        self._closed = threading.Event()
        self._carrier: Carrier | None = _make_carrier(destination)
        after_fork(self._begin_anew)

    @property
    def is_closed(self) -> bool:
        """Whether it sends no more."""
        return self._closed.is_set()

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Be used by this thread, and be closed at its end."""
        silence = _Silence()
        _here.is_sending = True
        loggers = [logging.getLogger(name) for name in _TALKERS]
        for logger in loggers:
            logger.addFilter(silence)
        try:
            _suppress_instrumentation()
            yield
            self.close()
        finally:
            for logger in loggers:
                logger.removeFilter(silence)

    def send(self, body: bytes) -> Reply:
        """Send one request, as often as it takes within the timeout; the reply is `arrived` or `lost`, and masked."""
        deadline = time.monotonic() + self.destination.timeout
        reply = _CLOSED
        for pause, least in _pauses():
            if self.is_closed:
                break
            reply = self._try(body, deadline)
            if reply.state != "again":
                return reply
            wait = pause if reply.wait is None else max(reply.wait, least)
            if time.monotonic() + wait >= deadline:
                break
            self._closed.wait(wait)
        return self._give_up(reply)

    def close(self) -> None:
        """Give up what is being tried, and close the connections; once."""
        self._closed.set()
        carrier, self._carrier = self._carrier, None
        if carrier is not None:
            carrier.close()

    def cut(self) -> None:
        """Close from a thread of its own, as closing may wait for what is under way."""
        self._closed.set()
        try:
            threading.Thread(target=self.close, name="pegboard-otlp-cut", daemon=True).start()
        except RuntimeError:  # the interpreter is ending, and takes the connections with it
            pass

    def _try(self, body: bytes, deadline: float) -> Reply:
        carrier = self._carrier
        if carrier is None:
            carrier = self._carrier = _make_carrier(self.destination)
        try:
            reply = carrier.send(body, deadline - time.monotonic())
        except Exception as error:  # noqa: BLE001 - whatever a library raises: a request that did not arrive
            kind = type(error).__name__
            reply = Reply("lost", kind, f"{kind} in {type(carrier).__name__}.send")
        reply = attrs.evolve(reply, why=self._masked(reply.why), remark=self._masked(reply.remark))
        self.why, self.kind = reply.why, reply.kind
        return reply

    def _give_up(self, reply: Reply) -> Reply:
        """Take a request for lost, and say what the back end asked for, if that is the reason."""
        if reply.wait is not None and not self.is_closed:
            self.why = f"{reply.why}, and asks to wait {reply.wait:.0f} s, longer than an export may take"
            reply = attrs.evolve(reply, why=self.why)
        return attrs.evolve(reply, state="lost")

    def _masked(self, text: str) -> str:
        """Put a text in one line, without credentials."""
        for credential in self.destination.credentials:
            text = text.replace(credential, "***")
        return cut(one_line(" ".join(text.split())), _LONGEST)

    def _begin_anew(self) -> None:
        """In a forked child, have new connections made when they are needed: two processes cannot share one."""
        self._carrier = None
        is_closed = self.is_closed
        self._closed = threading.Event()
        if is_closed:
            self._closed.set()


def is_sending() -> bool:
    """Whether this thread is one of those that send; what it logs must not be sent, or it would never end."""
    return getattr(_here, "is_sending", False)


def _make_carrier(destination: Destination) -> Carrier:
    module, name, way_out = _CARRIERS[destination.protocol]
    try:
        carrier_class = getattr(importlib.import_module(module), name)
    except ImportError as error:
        raise ConfigError(
            f"{destination.signal} over {destination.protocol} need a library that is not installed: {error.name}.\n"
            f"Install it: {way_out}.",
            where="OTLP",
            key="protocol",
        ) from error
    try:
        carrier: Carrier = carrier_class(destination)
    except Exception as error:  # noqa: BLE001 - whatever a library raises, without its text: it may hold credentials
        raise ConfigError(
            f"{destination.signal} over {destination.protocol} cannot be sent with the settings that there are "
            f"({type(error).__name__}).\nCheck the address, and the files that the OTEL_EXPORTER_OTLP_* variables name.",
            where="OTLP",
            key=destination.signal,
        ) from None
    return carrier


def _pauses() -> Iterator[tuple[float, float]]:
    """Yield how long to wait before each further try, in seconds, and the least of that if the back end asks for less."""
    least = 0.0
    for number in itertools.count():
        yield min(2.0**number, _LONGEST_PAUSE) * _random.uniform(1 - _JITTER, 1 + _JITTER), least
        least = _LEAST_PAUSE


class _Silence(logging.Filter):
    """Takes the lines of one thread out of the log."""

    def __init__(self) -> None:
        super().__init__()
        self._thread = threading.get_ident()

    def filter(self, record: logging.LogRecord) -> bool:  # noqa: ARG002 - the signature of a filter
        return threading.get_ident() != self._thread


def _suppress_instrumentation() -> None:
    """Have instrumented HTTP clients make no spans of this thread's requests, which would be sent, and make spans."""
    from opentelemetry import context

    for name in ("_SUPPRESS_INSTRUMENTATION_KEY", "_SUPPRESS_HTTP_INSTRUMENTATION_KEY"):
        key = getattr(context, name, None)  # private upstream; the SDK's own processors set them too
        if key is not None:
            context.attach(context.set_value(key, True))  # for good: it ends with the thread
