"""One client, answered once, without ever waiting for it."""

from __future__ import annotations

import contextlib
import logging
import selectors
import socket
import time
from collections.abc import Callable, Generator, Iterator
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from pegboard.privacy import loggable
from pegboard_prometheus.endpoint.request import MAX_HEAD, Refused, parsed
from pegboard_prometheus.page import page as pages

if TYPE_CHECKING:
    from concurrent.futures import Future
    from ssl import SSLSocket

    from pegboard_prometheus.page.page import Page, Request, Response

MAX_SECONDS = 5.0
NOTHING, READ, WRITE = 0, selectors.EVENT_READ, selectors.EVENT_WRITE
STALLED = 0.25  # seconds without reading, after which a client may have to make room for another
_MAX_LINGER = 1.0
_MAX_DRAINED = 8 * 1024 * 1024
_PIECE = 256 * 1024
_FIRST = 8 * 1024  # goes with the head, in one packet where it fits
_WANTED = {"SSLWantReadError": READ, "SSLWantWriteError": WRITE}  # by name, as loading ssl takes a while
_log = logging.getLogger("pegboard.prometheus")
Result = TypeVar("Result")


class Connection:
    """A client that is being answered, step by step, by the server's one thread.

    Args:
        client: Its socket, which does not block.
        page: What is asked for.
        tell: Called from another thread when the page has been written, for the next step.

        encrypted: The socket once more, where it has TLS.
        is_rejected: Whether there is no place for it, which is all that it is told.

    Attributes:
        waits_for: What the socket has to be ready for before the next step; `NOTHING` while the page is written.
        deadline: Monotonic time at which it has to be `late`.
        is_over: Whether there is no next step.
        body: The page that is being sent; b"" before and after.
    """

    def __init__(
        self,
        client: socket.socket,
        page: Page,
        tell: Callable[[Connection], object],
        *,
        encrypted: SSLSocket | None = None,
        is_rejected: bool = False,
    ) -> None:
        self.client = client
        self.is_rejected = is_rejected
        self.waits_for = READ
        self.deadline = time.monotonic() + MAX_SECONDS
        self.is_over = False
        self.body = b""
        self._encrypted = encrypted
        self._page = page
        self._tell = tell
        self._is_late = False
        self._waits_for_page = False
        self._moved = time.monotonic()
        self._steps = self._reject() if is_rejected else self._talk()

    @property
    def may_be_evicted(self) -> bool:
        """Whether it may have to make room: it has not asked yet, or reads nothing of its answer, or has it all."""
        if self._waits_for_page:
            return False
        return not self.body or time.monotonic() - self._moved > STALLED

    def step(self) -> None:
        """Do what can be done without waiting."""
        try:
            self.waits_for = next(self._steps)
        except (StopIteration, OSError):  # it is answered; or it went away
            self.is_over = True
        except Exception as error:  # noqa: BLE001 - one client must not end the others
            _log.error("a client could not be answered", exc_info=loggable(error))
            self.is_over = True

    def late(self) -> None:
        """Go on without what it waits for: say that the page is late, or end."""
        if self._waits_for_page:
            self._is_late = True
            self.step()
        else:
            self.is_over = True

    def close(self) -> None:
        """End it, whatever it is doing; also where a forked child has a copy of the socket."""
        self.is_over = True
        self.body = b""
        self._steps.close()
        with contextlib.suppress(OSError):  # the client has gone already
            socket.socket.shutdown(self.client, socket.SHUT_RDWR)
        with contextlib.suppress(OSError):
            self.client.close()

    def _talk(self) -> Generator[int, None, None]:
        if self._encrypted is not None:
            yield from self._when_ready(READ, self._encrypted.do_handshake)
        request: Request | None = None
        try:
            request = yield from self._read()
            if request is None:
                return
            response = yield from self._answer(request)
        except Refused as refused:
            response = pages.refusal(refused.status, refused.text)
        _log.debug("%r: %d", "no request" if request is None else _line(request), response.status)
        yield from self._send(response, with_body=request is None or request.method != "HEAD")
        yield from self._linger()

    def _reject(self) -> Generator[int, None, None]:
        yield from self._send(pages.full(), with_body=True)
        yield from self._linger()

    def _when_ready(self, needs: int, work: Callable[[], Result]) -> Generator[int, None, Result]:
        while True:
            try:
                return work()
            except BlockingIOError:
                yield needs
            except OSError as error:
                wanted = _WANTED.get(type(error).__name__)
                if wanted is None:
                    raise
                yield wanted

    def _read(self) -> Generator[int, None, Request | None]:
        """Read the head of a request, and no more than there has to be; None when the client went away before its end."""
        data = b""
        while True:
            more = yield from self._when_ready(READ, lambda: self.client.recv(MAX_HEAD + 1))
            data += more
            request = parsed(data)
            if request is not None or not more:
                return request

    def _answer(self, request: Request) -> Generator[int, None, Response]:
        """Wait for the page, for which it keeps its place."""
        local_address = self.client.getsockname()[0]
        answer: Future[Response] = self._page.ask(request, local_address, path="/metrics")
        self.deadline = time.monotonic() + pages.MAX_SECONDS
        self._waits_for_page = True
        if not answer.done():
            answer.add_done_callback(lambda _: self._tell(self))
        while not (answer.done() or self._is_late):
            yield NOTHING
        self._waits_for_page = False
        return answer.result() if answer.done() else pages.too_late()

    def _send(self, response: Response, *, with_body: bool) -> Iterator[int]:
        """Send an answer, a piece each time that the client has taken the last; the body is the one that others have, too."""
        self._moved = time.monotonic()
        self.deadline = self._moved + MAX_SECONDS
        self.body = body = response.body if with_body else b""
        first = _head(response) + body[:_FIRST]
        for whole, begin in ((memoryview(first), 0), (memoryview(body), _FIRST)):
            left = whole[begin:]
            while left:
                piece = left[:_PIECE]
                sent = yield from self._when_ready(WRITE, partial(self.client.send, piece))
                left = left[sent:]
                self._moved = time.monotonic()
                yield WRITE
        self.body = b""

    def _linger(self) -> Iterator[int]:
        """Read what the client still sends: closing before would reset the connection, and lose the answer with it."""
        self.deadline = time.monotonic() + _MAX_LINGER
        if self._encrypted is not None:
            with contextlib.suppress(OSError):  # it says goodbye, and need not hear one
                self._encrypted.unwrap()
        socket.socket.shutdown(self.client, socket.SHUT_WR)
        left = _MAX_DRAINED
        while left > 0:
            more = yield from self._when_ready(READ, lambda: socket.socket.recv(self.client, 64 * 1024))
            if not more:
                return
            left -= len(more)


def _head(response: Response) -> bytes:
    lines = [f"HTTP/1.1 {response.status.value} {response.status.phrase}", "Server: pegboard"]
    lines += [f"{name}: {value}" for name, value in response.headers]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1")


def _line(request: Request) -> str:
    return f"{request.method} {request.path}"
