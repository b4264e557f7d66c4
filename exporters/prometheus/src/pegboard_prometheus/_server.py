"""A small HTTP server for one page: bounded, patient with nobody, and gone when it is closed."""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import socket
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from pegboard import ConfigError
from pegboard_prometheus._handler import Handler

if TYPE_CHECKING:
    from pegboard_prometheus._address import Address

CONNECTIONS_MOST = 32
SECONDS_MOST = 5.0
_GRACE = 1.0
_PAUSE = 0.05
_WAITING_MOST = 1024  # beyond, the system drops requests to connect, and a scrape would lose a second
_BUSY = b"HTTP/1.0 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"

Render = Callable[[str], bytes]


class Connection:
    """A client that is being answered, in a thread of its own.

    Attributes:
        render: Makes the body of an answer, of the content type it is given.
        ip: The address the server listens on.
        deadline: Monotonic time at which the connection is cut, whatever it is doing.
        has_asked: Whether its request was read; until then it may have to make room for others.
        is_cut: Whether it was told to end.
    """

    def __init__(self, client: socket.socket, address: tuple[str, int], render: Render, ip: str) -> None:
        self.render = render
        self.ip = ip
        self.deadline = time.monotonic() + SECONDS_MOST
        self.has_asked = False
        self.is_cut = False
        self._client = client
        self._thread = threading.Thread(
            target=self._answer, args=(address,), name="pegboard-prometheus-client", daemon=True
        )

    def start(self) -> None:
        """Begin to read the request."""
        self._thread.start()

    @property
    def is_over(self) -> bool:
        """Whether the thread has ended."""
        return not self._thread.is_alive()

    def request_read(self) -> None:
        """Called by the handler: the request is complete, and gets as long again to be answered."""
        self.has_asked = True
        self.deadline = time.monotonic() + SECONDS_MOST

    def cut(self) -> None:
        """Wake the thread from whatever it waits for on the socket; it ends by itself."""
        self.is_cut = True
        with contextlib.suppress(OSError):  # the client has gone already
            self._client.shutdown(socket.SHUT_RDWR)

    def wait(self, seconds: float) -> None:
        """Wait until the thread has ended."""
        self._thread.join(seconds)

    def _answer(self, address: tuple[str, int]) -> None:
        with contextlib.suppress(OSError), self._client:  # the client went away, or was cut
            Handler(self._client, address, self)  # type: ignore[arg-type]  # see Handler.server


class Server:
    """Listens on one address until it is closed.

    One thread accepts, and one more serves each connection. At most 32 are open: a further one takes the place of the
    oldest that has not asked for anything yet, so that no number of silent clients keeps a scrape out. A connection is
    cut 5 seconds after it began, or after it asked.

    Raises:
        ConfigError: The port is taken, or may not be used.
    """

    def __init__(self, address: Address, render: Render) -> None:
        self._address = address
        self._render = render
        self._listener = _listen(address)
        self.port: int = self._listener.getsockname()[1]
        self._connections: list[Connection] = []
        self._wake, self._woken = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, name="pegboard-prometheus", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Free the port, let answers that were asked for go out (for 1 second), and wait until no thread is left."""
        self._wake.send(b"x")
        self._thread.join()
        for connection in self._connections:
            if not connection.has_asked:
                connection.cut()
        grace = time.monotonic() + _GRACE
        for connection in self._connections:
            connection.wait(max(grace - time.monotonic(), 0.0))
            connection.cut()
        for connection in self._connections:
            connection.wait(max(grace + _GRACE - time.monotonic(), 0.0))

    def _serve(self) -> None:
        with self._listener, self._wake, self._woken, selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            while True:
                ready = {key.fileobj for key, _ in selector.select(self._patience())}
                if self._woken in ready:
                    _stop_listening(self._listener)
                    return
                self._cut_the_slow()
                if self._listener in ready:
                    self._accept()

    def _patience(self) -> float | None:
        """Seconds until a connection has to be cut; None while there is none."""
        deadlines = [connection.deadline for connection in self._open()]
        return max(min(deadlines) - time.monotonic(), 0.0) if deadlines else None

    def _cut_the_slow(self) -> None:
        self._connections = [connection for connection in self._connections if not connection.is_over]
        now = time.monotonic()
        for connection in self._open():
            if connection.deadline <= now:
                connection.cut()

    def _accept(self) -> None:
        try:
            client, address = self._listener.accept()
        except OSError:  # it hung up while it waited, or the process is out of descriptors for now
            time.sleep(_PAUSE)  # so that the latter is no busy loop
            return
        client.settimeout(SECONDS_MOST)
        if not self._make_room():
            _turn_away(client)
            return
        connection = Connection(client, address[:2], self._render, self._address.ip)
        try:
            connection.start()
        except RuntimeError:  # the process is out of threads for now
            _turn_away(client)
            return
        self._connections.append(connection)

    def _make_room(self) -> bool:
        """If there are too many, cut the oldest connection that has not asked for anything; False when all have."""
        found = self._open()
        if len(found) < CONNECTIONS_MOST:
            return True
        for connection in found:
            if not connection.has_asked:
                connection.cut()
                return True
        return False

    def _open(self) -> list[Connection]:
        """List the connections that are still served, oldest first."""
        return [
            connection for connection in self._connections if not (connection.is_cut or connection.is_over)
        ]


def _listen(address: Address) -> socket.socket:
    listener = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # lets a port be used again at once; on Windows, two listeners at a time
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address.ip, address.port))
        listener.listen(_WAITING_MOST)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise _refused(address, error) from error
    return listener


def _stop_listening(listener: socket.socket) -> None:
    """Free the port even if a forked child still holds a copy of the socket."""
    with contextlib.suppress(OSError):  # some systems do not know this of a listener
        listener.shutdown(socket.SHUT_RDWR)


def _refused(address: Address, error: OSError) -> ConfigError:
    place = f"{address.ip}:{address.port}"
    if error.errno == errno.EADDRINUSE:
        what = f"port {address.port} of {address.ip} is in use: by another process, or by another Prometheus() of this one"
    else:
        what = f"{place} cannot be listened on: {error.strerror or error}"
    return ConfigError(
        f"Prometheus(port={address.port}): {what}. So nothing could be scraped.\n"
        f"Choose another port, or 0 for any that is free (`prometheus.port` then tells it).",
        where="Prometheus",
        key="port",
    )


def _turn_away(client: socket.socket) -> None:
    with contextlib.suppress(OSError), client:
        client.setblocking(False)
        client.send(_BUSY)
