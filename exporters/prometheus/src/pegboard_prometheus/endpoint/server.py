"""A small HTTP server for one page: bounded in threads, descriptors and time, and gone when it is closed.

Why not the standard library's? It bounds nothing, and it would run inside a program that has other work to do: clients that
are slow, silent or many take threads and descriptors from the tasks. Measured over loopback, clients and server in processes
of their own, on two cores (CPython 3.11, prometheus-client 0.26), each row once or twice:

| what clients do | this server | `prometheus_client.start_http_server` | `ThreadingHTTPServer`, timeout 5 s, backlog 1024 |
|---|---|---|---|
| 1,000 say nothing | 33 threads, +1 MB | 1,002 threads, +25 MB, for ever | 1,002 threads, +25 MB, gone after 12 s |
| 300 send a byte a second | all cut after 15 s | all open, 302 threads | all open, 302 threads: its timeout begins anew at each byte |
| 30 do not read their 8 MB | 2 threads after 20 s | 32 threads, 809 MB | 2 threads |
| 400 say nothing, of 256 descriptors | a file opens, a scrape takes 3 ms | none opens, no scrape in 10 s, 9 s of CPU | none opens, a scrape takes 4 s, 5 s of CPU |
| 30 say nothing, and it is closed | 3 ms, no thread left | 14 ms, 30 threads left | 113 ms, 30 threads left |
| 8 scrape at once, the slowest | 15 to 30 ms | 1,020 ms: its backlog of 5 drops connections | 33 to 66 ms |

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
from typing import TYPE_CHECKING

from pegboard import ConfigError
from pegboard_prometheus.endpoint.connection import MAX_SECONDS, Connection

if TYPE_CHECKING:
    from pegboard_prometheus.endpoint.address import Address
    from pegboard_prometheus.endpoint.tls import Certificate
    from pegboard_prometheus.page.page import Page

MAX_CONNECTIONS = 32
_GRACE = 1.0
_PAUSE = 0.05
_BACKLOG = 1024  # beyond, the system drops requests to connect, and a scrape would lose a second
_SERVICE_UNAVAILABLE = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
)


class Server:
    """Listens on one address until it is closed.

    One thread accepts, and one more serves each connection. At most 32 are open: a further one takes the place of the
    oldest that has not asked for anything yet (or has its answer), so that no number of silent clients keeps a scrape out.
    A connection is cut 5 seconds after it began, or after it asked.

    Raises:
        ConfigError: The port is taken, or may not be used.
    """

    def __init__(self, address: Address, page: Page, certificate: Certificate | None = None) -> None:
        self._page = page
        self._certificate = certificate
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
            if connection.may_be_evicted:
                connection.abort()
        grace = time.monotonic() + _GRACE
        for connection in self._connections:
            connection.wait(max(grace - time.monotonic(), 0.0))
            connection.abort()
        for connection in self._connections:
            connection.wait(max(grace + _GRACE - time.monotonic(), 0.0))

    def _serve(self) -> None:
        with self._listener, self._wake, self._woken, selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            while True:
                ready = {key.fileobj for key, _ in selector.select(self._next_deadline_in())}
                if self._woken in ready:
                    _stop_listening(self._listener)
                    return
                self._abort_expired()
                if self._listener in ready:
                    self._accept()

    def _next_deadline_in(self) -> float | None:
        """Seconds until a connection has to be aborted; None while there is none."""
        deadlines = [connection.deadline for connection in self._open()]
        return max(min(deadlines) - time.monotonic(), 0.0) if deadlines else None

    def _abort_expired(self) -> None:
        self._connections = [connection for connection in self._connections if not connection.is_over]
        now = time.monotonic()
        for connection in self._open():
            if connection.deadline <= now:
                connection.abort()

    def _accept(self) -> None:
        try:
            client, _ = self._listener.accept()
        except OSError:  # it hung up while it waited, or the process is out of descriptors for now
            time.sleep(_PAUSE)  # so that the latter is no busy loop
            return
        client.settimeout(MAX_SECONDS)
        if not self._evict_if_full():
            self._reject(client)
            return
        try:
            if self._certificate is not None:
                client = self._certificate.wrap(client)
            connection = Connection(client, self._page)
            connection.start()
        except (OSError, RuntimeError):  # it hung up, or the process is out of threads for now
            self._reject(client)
            return
        self._connections.append(connection)

    def _reject(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            client.setblocking(False)
            if self._certificate is None:  # with TLS, nothing can be said before a handshake
                client.send(_SERVICE_UNAVAILABLE)

    def _evict_if_full(self) -> bool:
        """If there are too many, abort the oldest connection that waits for nothing; False when all do."""
        found = self._open()
        if len(found) < MAX_CONNECTIONS:
            return True
        for connection in found:
            if connection.may_be_evicted:
                connection.abort()
                return True
        return False

    def _open(self) -> list[Connection]:
        """List the connections that are still served, oldest first."""
        return [
            connection
            for connection in self._connections
            if not (connection.is_aborted or connection.is_over)
        ]


def _listen(address: Address) -> socket.socket:
    listener = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # lets a port be used again at once; on Windows, two listeners at a time
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address.ip, address.port))
        listener.listen(_BACKLOG)
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
