"""A small HTTP server for one page: bounded in threads, descriptors, memory and time, and gone when it is closed.

Why not the standard library's? It bounds nothing, and it would run inside a program that has other work to do: clients that
are slow, silent or many take threads, memory and descriptors from the tasks. Measured over loopback, clients and server in
processes of their own, on two cores (CPython 3.11, prometheus-client 0.26), each row once or twice:

| what clients do | this server | `prometheus_client.start_http_server` | `ThreadingHTTPServer`, timeout 5 s, backlog 1024 |
|---|---|---|---|
| 1,000 say nothing | 1 thread, +1 MB, gone after 5 s | 1,002 threads, +25 MB, for ever | 1,002 threads, +25 MB, gone after 12 s |
| 300 send a byte a second | all cut after 5 s | all open, 302 threads | all open, 302 threads: its timeout begins anew at each byte |
| 30 do not read their 8 MB | 1 thread, +12 MB, gone after 5 s | 32 threads, 809 MB | 2 threads after 20 s |
| 40 scrape 100,000 series at once | all answered in 2.5 s, 165 MB | 33 s, 1,339 MB | 36 s, 1,356 MB |
| 400 say nothing, of 256 descriptors | a file opens, a scrape takes 3 ms | none opens, no scrape in 10 s, 9 s of CPU | none opens, a scrape takes 4 s, 5 s of CPU |
| 30 say nothing, and it is closed | 1 ms, no thread left | 14 ms, 30 threads left | 113 ms, 30 threads left |
| 8 scrape at once, the slowest | 13 to 27 ms | 1,020 ms: its backlog of 5 drops connections | 33 to 66 ms |

It is no faster for one scraper: 1.2 to 2.2 ms for 200 series in all three.
"""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import socket
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from pegboard import ConfigError
from pegboard_prometheus.endpoint.connection import NOTHING, Connection

if TYPE_CHECKING:
    from pegboard_prometheus.endpoint.address import Address
    from pegboard_prometheus.endpoint.tls import Certificate
    from pegboard_prometheus.page.page import Page

MAX_CONNECTIONS = 512
_MAX_HELD = 64 * 1024 * 1024  # bytes of pages that clients are slow to read
_GRACE = 1.0
_PAUSE = 0.05
_BACKLOG = 1024  # beyond, the system drops requests to connect, and a scrape would lose a second
_AT_ONCE = 64  # connections that are accepted before those that are there have their turn
_SEND_BUFFER = 256 * 1024  # the system would keep megabytes for a client that does not read


class Server:
    """Listens on one address until it is closed.

    One thread serves all connections, and waits for none; the page is written in another, once for all who ask meanwhile. At
    most 512 connections are open, and half of the process's descriptors: a further one takes the place of the oldest that has
    not asked for anything yet, or reads nothing of its answer, so that no number of such clients keeps a scrape out.

    It belongs to the process that made it: a forked child calls `leave`.

    Args:
        address: Where to listen.
        page: What is served.
        certificate: For TLS.
        most: How many connections may be open instead.

    Raises:
        ConfigError: The port is taken, or may not be used.
    """

    def __init__(
        self, address: Address, page: Page, certificate: Certificate | None = None, most: int | None = None
    ) -> None:
        self._page = page
        self._certificate = certificate
        self._listener = _listen(address)
        self.port: int = self._listener.getsockname()[1]
        self._most = most or _most_connections()
        self._connections: dict[Connection, int] = {}  # in their order, and what the selector watches of each
        self._written: deque[Connection] = deque()
        self._wake, self._woken = socket.socketpair()
        self._wake.setblocking(False)
        self._woken.setblocking(False)
        self._end: float | None = None  # when all has to be over
        self._selector = selectors.DefaultSelector()
        self._thread = threading.Thread(target=self._serve, name="pegboard-prometheus", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Free the port, let answers that were asked for go out (for 1 second), and wait until the thread has ended."""
        self._end = time.monotonic() + _GRACE
        self._ring()
        self._thread.join()

    def leave(self) -> None:
        """In a forked child: let go of what the parent serves, without a sign to it or its clients."""
        for held in (self._selector, self._listener, self._wake, self._woken):
            with contextlib.suppress(OSError):
                held.close()
        for connection in self._connections:
            with contextlib.suppress(OSError):
                socket.socket.close(connection.client)

    def _serve(self) -> None:
        with self._listener, self._wake, self._woken, self._selector:
            self._selector.register(self._listener, selectors.EVENT_READ)
            self._selector.register(self._woken, selectors.EVENT_READ)
            while self._end is None:
                self._turn()
            self._stop_listening()
            while self._connections:
                self._turn()

    def _turn(self) -> None:
        for key, _ in self._selector.select(self._seconds_left()):
            if key.fileobj is self._woken:
                self._go_on_with_written()
            elif key.fileobj is self._listener:
                self._accept_some()
            else:
                self._step(key.data)
        now = time.monotonic()
        for connection in [each for each in self._connections if each.deadline <= now]:
            connection.late()
            self._look_at(connection)

    def _seconds_left(self) -> float | None:
        """Seconds until something has to end; None while there is nothing."""
        deadlines = [connection.deadline for connection in self._connections]
        return max(min(deadlines) - time.monotonic(), 0.0) if deadlines else None

    def _go_on_with_written(self) -> None:
        self._woken.recv(4096)
        while self._written:
            self._step(self._written.popleft())

    def _step(self, connection: Connection) -> None:
        if connection not in self._connections:  # it has been cut meanwhile
            return
        had_page = bool(connection.body)
        connection.step()
        self._look_at(connection)
        if connection.body and not had_page:
            self._bound_memory()

    def _look_at(self, connection: Connection) -> None:
        """Watch for what a connection waits for now, and see that it keeps the time there is."""
        if connection.is_over or (self._end is not None and connection.may_be_evicted):
            self._drop(connection)
            return
        if self._end is not None:
            connection.deadline = min(connection.deadline, self._end)
        self._watch(connection, connection.waits_for)

    def _watch(self, connection: Connection, wanted: int) -> None:
        watched, self._connections[connection] = self._connections[connection], wanted
        if not watched and wanted:
            self._selector.register(connection.client, wanted, connection)
        elif watched and not wanted:
            self._selector.unregister(connection.client)
        elif watched != wanted:
            self._selector.modify(connection.client, wanted, connection)

    def _drop(self, connection: Connection) -> None:
        self._watch(
            connection, NOTHING
        )  # before it is closed: a forked child may have a copy, which would be watched on
        del self._connections[connection]
        connection.close()

    def _stop_listening(self) -> None:
        """Free the port, also where a forked child has a copy of the socket, and cut who waits for nothing."""
        self._selector.unregister(self._listener)
        with contextlib.suppress(OSError):  # some systems do not know this of a listener
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in list(self._connections):
            self._look_at(connection)

    def _accept_some(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                client, _ = self._listener.accept()
            except BlockingIOError:
                return
            except OSError:  # it hung up while it waited, or the process is out of descriptors for now
                if not self._evict():
                    time.sleep(_PAUSE)  # so that the latter is no busy loop
                return
            self._begin(client)

    def _begin(self, client: socket.socket) -> None:
        is_rejected = self._places_left() <= 0 and not self._evict()
        if is_rejected and self._certificate is not None:  # nothing can be said before a handshake
            client.close()
            return
        try:
            connection = self._made(client, is_rejected=is_rejected)
        except OSError:  # it hung up
            client.close()
            return
        self._connections[connection] = NOTHING
        self._step(connection)

    def _made(self, client: socket.socket, *, is_rejected: bool) -> Connection:
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # the end of a page is not held back
        if self._certificate is None:
            return Connection(client, self._page, self._tell_written, is_rejected=is_rejected)
        encrypted = self._certificate.wrap(client)
        return Connection(encrypted, self._page, self._tell_written, encrypted=encrypted)

    def _places_left(self) -> int:
        """How many connections may still be opened; those that are told so have as many places of their own."""
        rejected = [each for each in self._connections if each.is_rejected]
        if len(rejected) >= self._most:
            self._drop(rejected.pop(0))
        return self._most - len(self._connections) + len(rejected)

    def _evict(self) -> bool:
        """Cut the oldest connection that waits for nothing; False when all do."""
        for connection in self._connections:
            if connection.may_be_evicted and not connection.is_rejected:
                self._drop(connection)
                return True
        return False

    def _bound_memory(self) -> None:
        """Cut those that do not read, the oldest pages first, while all pages that are being sent are too much."""
        held = {id(each.body): len(each.body) for each in self._connections}
        for connection in list(self._connections):
            if sum(held.values()) <= _MAX_HELD:
                return
            if connection.body and connection.may_be_evicted:
                body = connection.body
                self._drop(connection)
                if all(each.body is not body for each in self._connections):
                    del held[id(body)]

    def _tell_written(self, connection: Connection) -> None:
        """From any thread: have a connection go on, whose page is written."""
        self._written.append(connection)
        self._ring()

    def _ring(self) -> None:
        with contextlib.suppress(OSError):  # it has been rung for often enough; or it has ended
            self._wake.send(b"x")


def _most_connections() -> int:
    """No more than half of the descriptors that the process may have: tasks need some, too."""
    try:
        import resource
    except ImportError:  # Windows, where a selector takes no more than this
        return 256
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MAX_CONNECTIONS if soft == resource.RLIM_INFINITY else max(min(MAX_CONNECTIONS, soft // 2), 1)


def _listen(address: Address) -> socket.socket:
    listener = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # lets a port be used again at once; on Windows, two listeners at a time
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        listener.bind((address.ip, address.port))
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise _refused(address, error) from error
    return listener


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
