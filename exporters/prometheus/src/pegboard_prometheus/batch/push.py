"""Metrics pushed when a session ends, for jobs that are over before anybody scrapes them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from pegboard import ConfigError, hookimpl
from pegboard.parts import ProcessLocal, time_for_end
from pegboard_metrics import names
from pegboard_prometheus._registry import registry_of
from pegboard_prometheus.batch.gateway import Gateway, checked_gateway
from pegboard_prometheus.page.exposition import Exposition
from pegboard_prometheus.page.negotiation import TEXT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from http.client import HTTPConnection

    from prometheus_client import CollectorRegistry
    from prometheus_client.core import Metric
    from prometheus_client.samples import Sample

    from pegboard import Session

_PUSHED = frozenset((names.DURATION.name, names.LAST_SUCCESS.name))
_MAX_ANSWER = 200
_log = logging.getLogger("pegboard.pushgateway")


class _PushFailed(Exception):  # noqa: N818 - what a push has
    """Raised when the gateway took nothing, with what to say of it."""


class PushGateway:
    """Pushes durations and times of last success to a Prometheus push gateway when its session ends.

    Nothing else is pushed: what a gateway keeps outlives the process, and a gauge of active calls or an open breaker would go
    on for ever. It never fails a session: what was not delivered in time is a warning.

    Args:
        address: `host:port`, or a URL of http or https, with user and password for basic authentication where it has them.
        job: The name of the group at the gateway.
        grouping: More labels of the group, as `{"instance": "a"}`; each group has metrics of its own.
        timeout: Seconds that the end of a session may take for it, in all.

    Raises:
        ConfigError: A setting cannot be used.
        MissingPlugin: When a session starts: it has no metrics.
    """

    name = "pushgateway"

    def __init__(
        self, address: str, job: str, grouping: Mapping[str, str] | None = None, *, timeout: float = 5.0
    ) -> None:
        self._gateway = checked_gateway(address, job, grouping or {})
        self._timeout = _checked_timeout(timeout)
        self._exposition = Exposition(samples_of=_pushed_samples)
        self._open: ProcessLocal[Session, CollectorRegistry] = ProcessLocal()

    @hookimpl
    def session_start(self, session: Session) -> None:
        """Find the metrics, so that their absence shows before any task runs."""
        self._open.begin(session, registry_of(session, "PushGateway(address, job)"))
        if self._gateway.password:
            session.masks.add(self._gateway.password)

    @hookimpl
    def session_forked(self) -> str:
        """Say that the parent pushes: a group at the gateway holds the numbers of one process."""
        return f"PushGateway({self._gateway.url!r}): the parent pushes, and what this process measures is not among it"

    @hookimpl
    def session_end(self, session: Session) -> None:
        """Push, and wait no longer than was said."""
        registry = self._open.end(session)
        if registry is None:
            return
        push = _PushThread(self._gateway, lambda: self._exposition.write([registry], TEXT), self._timeout)
        seconds = time_for_end(self._timeout)
        push.push_within(seconds)
        if push.is_alive():
            push.abort()
            _warn(self._gateway, f"no answer within {seconds:g} s")
        elif push.failure:
            _warn(self._gateway, session.masks.mask(push.failure))


class _PushThread(threading.Thread):
    """One push, in a thread that nobody has to wait for.

    Attributes:
        failure: What went wrong, when it is over; "" when nothing did.
    """

    def __init__(self, gateway: Gateway, body: Callable[[], bytes], timeout: float) -> None:
        super().__init__(name="pegboard-pushgateway", daemon=True)
        self.failure = ""
        self._gateway = gateway
        self._body = body
        self._timeout = timeout
        self._connection: HTTPConnection | None = None

    def push_within(self, seconds: float) -> None:
        """Push, and wait no longer than this; without a thread where none is to be had, as at the end of some processes."""
        try:
            self.start()
        except RuntimeError:
            self.run()
        else:
            self.join(seconds)

    def run(self) -> None:
        """Push."""
        try:
            _push(self._gateway, self._body(), self._connect())
        except Exception as error:  # noqa: BLE001 - whatever it is, it is said, and fails no session
            self.failure = str(error) if isinstance(error, _PushFailed) else _reason(error)

    def abort(self) -> None:
        """Cut the connection, so that the thread ends soon."""
        sock = None if self._connection is None else self._connection.sock
        if sock is not None:
            import socket

            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:  # it has just ended by itself
                return

    def _connect(self) -> HTTPConnection:
        from http.client import HTTPConnection, HTTPSConnection

        kind = HTTPSConnection if self._gateway.secure else HTTPConnection
        self._connection = kind(self._gateway.host, self._gateway.port, timeout=self._timeout)
        return self._connection


def _pushed_samples(metric: Metric) -> Sequence[Sample]:
    return metric.samples if metric.name in _PUSHED else ()


def _push(gateway: Gateway, body: bytes, connection: HTTPConnection) -> None:
    """Add to the group: what it has of other metrics, as an earlier success when this run has none, stays."""
    headers = {"Content-Type": TEXT}
    if gateway.authorization:
        headers["Authorization"] = gateway.authorization
    try:
        connection.request("POST", gateway.path, body, headers)
        answer = connection.getresponse()
        text = answer.read(_MAX_ANSWER)
    finally:
        connection.close()
    if not 200 <= answer.status < 300:
        raise _PushFailed(f"status {answer.status}, {text.decode('utf-8', 'replace')!r}")


def _warn(gateway: Gateway, reason: str) -> None:
    _log.warning("pushgateway: the metrics were not delivered to %s: %s", gateway.url, reason)


def _reason(error: Exception) -> str:
    text = getattr(error, "strerror", None)
    return f"{type(error).__name__}, {text}" if text else type(error).__name__


def _checked_timeout(timeout: float) -> float:
    if type(timeout) in (int, float) and 0 < timeout < threading.TIMEOUT_MAX:
        return timeout
    raise ConfigError(
        f"PushGateway(timeout={timeout!r}): seconds are meant, above 0.", where="PushGateway", key="timeout"
    )
