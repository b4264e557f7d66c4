"""One client, answered once in a thread of its own."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from typing import TYPE_CHECKING

from pegboard_prometheus.endpoint.request import Refused, read_request
from pegboard_prometheus.page.page import Request, Response, refusal

if TYPE_CHECKING:
    from pegboard_prometheus.page.page import Page

MAX_SECONDS = 5.0
_MAX_LINGER = 1.0
_MAX_DRAINED = 1024 * 1024
_log = logging.getLogger("pegboard.prometheus")


class Connection:
    """A client that is being answered, in a thread of its own.

    Attributes:
        deadline: Monotonic time at which the connection is cut, whatever it is doing.
        may_be_evicted: Whether it may have to make room for others: it has not asked yet, or has its answer.
        is_aborted: Whether it was told to end.
    """

    def __init__(self, client: socket.socket, page: Page) -> None:
        self.deadline = time.monotonic() + MAX_SECONDS
        self.may_be_evicted = True
        self.is_aborted = False
        self._client = client
        self._page = page
        self._thread = threading.Thread(target=self._run, name="pegboard-prometheus-client", daemon=True)

    def start(self) -> None:
        """Begin to read the request."""
        self._thread.start()

    @property
    def is_over(self) -> bool:
        """Whether the thread has ended."""
        return not self._thread.is_alive()

    def abort(self) -> None:
        """Wake the thread from whatever it waits for on the socket; it ends by itself."""
        self.is_aborted = True
        with contextlib.suppress(OSError):  # the client has gone already
            _shut(self._client, socket.SHUT_RDWR)

    def wait(self, seconds: float) -> None:
        """Wait until the thread has ended."""
        self._thread.join(seconds)

    def _run(self) -> None:
        with contextlib.suppress(OSError), self._client:  # the client went away, or was cut
            if hasattr(self._client, "do_handshake"):
                self._client.do_handshake()
            self._answer()

    def _answer(self) -> None:
        request: Request | None = None
        try:
            request = read_request(self._client)
            if request is None:
                return
            self._request_is_complete()
            response = self._page.answer(request, self._client.getsockname()[0], path="/metrics")
        except Refused as refused:
            self._request_is_complete()
            response = refusal(refused.status, refused.text)
        _log.debug("%r: %d", "no request" if request is None else _request_line(request), response.status)
        self._send(response, with_body=request is None or request.method != "HEAD")
        if request is None or request.has_body:
            self._linger()

    def _request_is_complete(self) -> None:
        """From here on it keeps its place, and has as long again to be answered."""
        self.may_be_evicted = False
        self.deadline = time.monotonic() + MAX_SECONDS

    def _send(self, response: Response, *, with_body: bool) -> None:
        lines = [f"HTTP/1.1 {response.status.value} {response.status.phrase}", "Server: pegboard"]
        lines += [f"{name}: {value}" for name, value in response.headers]
        head = "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1")
        self._client.sendall(head + response.body if with_body else head)

    def _linger(self) -> None:
        """Read what the client still sends: closing before would reset the connection, and lose the answer with it."""
        self.may_be_evicted = True
        self.deadline = min(self.deadline, time.monotonic() + _MAX_LINGER)
        _shut(self._client, socket.SHUT_WR)
        left = _MAX_DRAINED
        while left > 0 and (more := socket.socket.recv(self._client, 64 * 1024)):
            left -= len(more)


def _request_line(request: Request) -> str:
    return f"{request.method} {request.path}"


def _shut(client: socket.socket, how: int) -> None:
    """End a connection; an SSLSocket's own way would also forget its encryption under the thread that uses it."""
    socket.socket.shutdown(client, how)
