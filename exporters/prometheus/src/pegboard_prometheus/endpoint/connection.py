"""One client, answered once in a thread of its own."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from typing import TYPE_CHECKING

from pegboard_prometheus.endpoint.request import Refused, Request, read_request
from pegboard_prometheus.page.page import Response, refusal

if TYPE_CHECKING:
    from pegboard_prometheus.page.page import Page

SECONDS_MOST = 5.0
_LINGER_MOST = 1.0
_LEFT_MOST = 1024 * 1024
_log = logging.getLogger("pegboard.prometheus")


class Connection:
    """A client that is being answered, in a thread of its own.

    Attributes:
        deadline: Monotonic time at which the connection is cut, whatever it is doing.
        may_be_displaced: Whether it may have to make room for others: it has not asked yet, or has its answer.
        is_cut: Whether it was told to end.
    """

    def __init__(self, client: socket.socket, page: Page) -> None:
        self.deadline = time.monotonic() + SECONDS_MOST
        self.may_be_displaced = True
        self.is_cut = False
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

    def cut(self) -> None:
        """Wake the thread from whatever it waits for on the socket; it ends by itself."""
        self.is_cut = True
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
            self._has_asked()
            response = self._page.answer(request, self._client.getsockname()[0], path="/metrics")
        except Refused as refused:
            self._has_asked()
            response = refusal(refused.status, refused.text)
        _log.debug("%r: %d", "no request" if request is None else _short(request), response.status)
        self._send(response, with_body=request is None or request.method != "HEAD")
        if request is None or request.has_body:
            self._linger()

    def _has_asked(self) -> None:
        """From here on it keeps its place, and has as long again to be answered."""
        self.may_be_displaced = False
        self.deadline = time.monotonic() + SECONDS_MOST

    def _send(self, response: Response, *, with_body: bool) -> None:
        lines = [f"HTTP/1.1 {response.status.value} {response.status.phrase}", "Server: pegboard"]
        lines += [f"{name}: {value}" for name, value in response.headers]
        head = "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1")
        self._client.sendall(head + response.body if with_body else head)

    def _linger(self) -> None:
        """Read what the client still sends: closing before would reset the connection, and lose the answer with it."""
        self.may_be_displaced = True
        self.deadline = min(self.deadline, time.monotonic() + _LINGER_MOST)
        _shut(self._client, socket.SHUT_WR)
        left = _LEFT_MOST
        while left > 0 and (more := socket.socket.recv(self._client, 64 * 1024)):
            left -= len(more)


def _short(request: Request) -> str:
    return f"{request.method} {request.path}"


def _shut(client: socket.socket, how: int) -> None:
    """End a connection; an SSLSocket's own way would also forget its encryption under the thread that uses it."""
    socket.socket.shutdown(client, how)
