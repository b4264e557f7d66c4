"""The server against clients that are slow, silent or many."""

from __future__ import annotations

import socket
import struct
import threading
import time
from pathlib import Path

import pytest
from prometheus_client import Gauge

from pegboard import Session, task
from pegboard_prometheus.endpoint.address import checked_address
from pegboard_prometheus.endpoint.connection import MAX_SECONDS, STALLED
from pegboard_prometheus.endpoint.server import Server
from pegboard_prometheus.health.health import Health
from pegboard_prometheus.page.access import checked_access
from pegboard_prometheus.page.page import Page


@task
def work():
    return 1


GET = b"GET /metrics HTTP/1.0\r\n\r\n"


def own_threads():
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("pegboard-prometheus")]


def count_descriptors():
    return len(list(Path("/dev/fd").iterdir()))


class Waiting:
    """A collector that waits, and counts how often it was asked."""

    def __init__(self):
        self.times, self.asked, self.release = 0, threading.Event(), threading.Event()

    def collect(self):
        self.times += 1
        self.asked.set()
        self.release.wait(30)
        return []


@pytest.fixture
def serve():
    """Open servers of few places, of a page that is written by a function."""
    servers = []

    def serve(write, most):
        page = Page(checked_access((), None), write, Health(None, ()))
        servers.append(Server(checked_address("127.0.0.1", 0), page, most=most))
        return servers[-1].port

    yield serve
    for server in servers:
        server.close()


@pytest.fixture
def connect_deaf(connect):
    """Open connections of clients that ask, and take no more than a few kilobytes."""

    def connect_deaf(port):
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        client.connect(("127.0.0.1", port))
        client.sendall(GET)
        deaf.append(client)
        return client

    deaf = []
    yield connect_deaf
    for client in deaf:
        client.close()


def is_closed(client):
    """Whether nothing comes from the server any more; what it had not read yet makes that a reset."""
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize(
    "data", [b"", b"GET /metr", b"GET /metrics HTTP/1.1\r\nX: y\r\n"], ids=["silent", "line", "header"]
)
def test_clients_that_do_not_ask_keep_no_scrape_out(session, prometheus, scrape, connect, data):
    """With 300 of them, a scrape is answered within a second, and they hold no thread."""
    for _ in range(300):
        connect(prometheus.port, data)
    before = time.monotonic()
    assert scrape().status == 200
    assert time.monotonic() - before < 1
    assert own_threads().count("pegboard-prometheus") == 1
    assert len(own_threads()) <= 2


@pytest.mark.slow
@pytest.mark.parametrize("data", [b"", b"GET /metrics HTTP/1.1\r\nX: "], ids=["silent", "trickling"])
def test_300_slow_sockets_hold_up_nothing(session, prometheus, scrape, connect, data):
    """A scrape answers within a second, all are closed within 10, and the calls of tasks take as long as before."""

    def longest(calls=2_000):
        durations = []
        for _ in range(calls):
            before = time.perf_counter()
            work()
            durations.append(time.perf_counter() - before)
        return max(durations)

    quiet = longest()
    begun = time.monotonic()
    open_ones = {connect(prometheus.port, data) for _ in range(300)}
    assert scrape().status == 200
    assert time.monotonic() - begun < 1
    assert longest() < max(20 * quiet, 0.25)
    while open_ones and time.monotonic() - begun < 10:
        for client in list(open_ones):
            client.settimeout(0.001)
            try:
                client.sendall(b"a" if data else b"")
                if client.recv(1) == b"":
                    open_ones.remove(client)
            except TimeoutError:
                continue
            except ConnectionError:
                open_ones.remove(client)
    assert not open_ones
    assert time.monotonic() - begun < 10


def test_300_clients_that_do_not_read_keep_no_scrape_out(metrics, prometheus, scrape, connect_deaf):
    """Each holds its connection, and all of them one page; a scrape is answered long before they are cut."""
    gauge = Gauge("large", "A lot of text.", ["text"], registry=metrics.registry)
    for number in range(500):
        gauge.labels(f"{number:04}" * 500).set(number)
    for _ in range(300):
        connect_deaf(prometheus.port)
    before = time.monotonic()
    answer = scrape()
    assert (answer.status, len(answer.body) > 1_000_000) == (200, True)
    assert time.monotonic() - before < MAX_SECONDS
    assert len(own_threads()) <= 2


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="counts descriptors")
def test_a_reader_that_never_reads_is_cut(metrics, prometheus, connect):
    """An answer gets 5 seconds to go out, and it is cut then."""

    class Large:
        def collect(self):
            from prometheus_client.core import GaugeMetricFamily

            family = GaugeMetricFamily("large", "A lot of text.", labels=["text"])
            for number in range(400):
                family.add_metric([str(number) * 20_000], 1)
            yield family

    metrics.registry.register(Large())
    with Session(metrics, prometheus, inherit=False):
        client = connect(prometheus.port, GET)
        assert client.recv(1)
        descriptors, begun = count_descriptors(), time.monotonic()
        while count_descriptors() >= descriptors and time.monotonic() - begun < 4 * MAX_SECONDS:
            time.sleep(0.05)
        assert count_descriptors() < descriptors
        head, _, body = client.makefile("rb").read().partition(b"\r\n\r\n")
        assert len(body) < int(head.split(b"Content-Length: ")[1].split()[0])


@pytest.mark.slow
def test_a_client_that_trickles_is_cut(session, prometheus, connect):
    """Its time is counted from the start, not from its last byte."""
    client = connect(prometheus.port, b"GET /metrics HTTP/1.1\r\n")
    before = time.monotonic()
    client.settimeout(0.25)
    answer = None
    while answer is None and time.monotonic() - before < 20:
        try:
            client.sendall(b"X")
            answer = client.recv(1)
        except TimeoutError:
            continue
        except ConnectionError:
            answer = b""
    assert answer == b""
    assert time.monotonic() - before < 8


def test_when_all_connections_are_being_answered_a_further_one_is_told(serve, connect):
    """503, at once, and each of the others gets its answer."""
    waiting = Waiting()
    port = serve(lambda _: waiting.collect() or b"the page\n", most=4)
    clients = [connect(port, GET) for _ in range(4)]
    assert waiting.asked.wait(30)
    for _ in range(10):
        assert connect(port, GET).makefile("rb").read().startswith(b"HTTP/1.1 503 ")
    waiting.release.set()
    assert [client.makefile("rb").read()[-9:] for client in clients] == [b"the page\n"] * 4


def test_who_does_not_read_makes_room(serve, connect, connect_deaf, ask):
    """Where all places are taken, a further client has the one of the oldest that has stopped reading."""
    port = serve(lambda _: b"a" * 2**22, most=4)
    deaf = [connect_deaf(port) for _ in range(4)]
    answer, tries = ask(port), 0
    while answer.status == 503 and tries < 100:  # they may still be taking their first bytes
        time.sleep(0.05)
        answer, tries = ask(port), tries + 1
    assert (answer.status, len(answer.body)) == (200, 2**22)
    deaf[0].settimeout(30)
    assert len(deaf[0].makefile("rb").read()) < 2**22


@pytest.mark.slow
def test_pages_that_nobody_reads_are_bounded(serve, connect_deaf):
    """Clients that stop reading, each with a page of its own: when these are too much, the oldest goes first."""
    size = 24 * 2**20
    port = serve(lambda _: b"a" * size, most=64)
    clients = []
    for _ in range(4):
        clients.append(connect_deaf(port))
        assert clients[-1].recv(1)
        time.sleep(2 * STALLED)  # which is what they do
    lengths = []
    for client in (clients[0], clients[-1]):
        client.settimeout(30)
        head, _, body = client.makefile("rb").read().partition(b"\r\n\r\n")
        assert f"Content-Length: {size}".encode() in head
        lengths.append(len(body))
    assert lengths[0] < lengths[1] == size


def test_all_who_ask_meanwhile_get_one_page(metrics, prometheus, connect, ask):
    """Forty scrapers cost one reading of the registry; the next scrape is a new one."""
    waiting = Waiting()
    metrics.registry.register(waiting)
    with Session(metrics, prometheus, inherit=False):
        clients = [connect(prometheus.port, GET) for _ in range(40)]
        assert waiting.asked.wait(30)
        ask_until_all_have_asked(prometheus, connect)
        waiting.release.set()
        pages = {client.makefile("rb").read() for client in clients}
        assert len(pages) == 1
        assert b" 200 OK" in pages.pop()
        assert waiting.times == 1
        work()
        assert ask(prometheus.port).samples()
        assert waiting.times == 2


def ask_until_all_have_asked(prometheus, connect):
    """Be answered after all who came before: the server takes connections in their order, and reads them as they come."""
    assert b" 404 " in connect(prometheus.port, b"GET / HTTP/1.0\r\n\r\n").makefile("rb").readline()


@pytest.mark.slow
def test_a_page_that_is_not_written_in_time_is_an_answer(metrics, prometheus, connect, ask):
    """503 after 10 seconds, also for those who come later; other requests are answered at once."""
    waiting = Waiting()
    metrics.registry.register(waiting)
    with Session(metrics, prometheus, inherit=False):
        client = connect(prometheus.port, GET)
        assert waiting.asked.wait(30)
        assert ask(prometheus.port, path="/other").status == 404
        assert client.makefile("rb").readline().startswith(b"HTTP/1.1 503 ")
        waiting.release.set()
        while (answer := ask(prometheus.port)).status != 200:
            assert answer.status == 503
    assert waiting.times <= 2


def test_a_session_ends_at_once_whatever_its_clients_do(metrics, prometheus, connect):
    """Silent clients are cut at the end, and no thread is left."""
    with Session(metrics, prometheus, inherit=False):
        clients = [connect(prometheus.port, b"GET") for _ in range(10)]
        before = time.monotonic()
    assert time.monotonic() - before < 1
    assert own_threads() == []
    for client in clients:
        assert is_closed(client)


def test_an_answer_that_was_asked_for_goes_out_although_the_session_ends(metrics, prometheus, connect):
    """The last scrape of a short program is complete."""
    asked = threading.Event()

    class Slow:
        def collect(self):
            asked.set()
            while prometheus.port == port:  # until the session has begun to close the endpoint
                pass
            return []

    metrics.registry.register(Slow())
    with Session(metrics, prometheus, inherit=False):
        port = prometheus.port
        work()
        client = connect(port, b"GET /metrics HTTP/1.0\r\n\r\n")
        assert asked.wait(30)
    answer = client.makefile("rb").read()
    assert b" 200 OK" in answer
    assert b'pegboard_task_name="work"' in answer
    assert own_threads() == []


def test_scrapes_at_once_are_all_answered(session, prometheus, ask):
    """Several scrapers, while tasks run."""
    found = []
    threads = [threading.Thread(target=lambda: found.append(ask(prometheus.port).status)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for _ in range(1_000):
        work()
    for thread in threads:
        thread.join()
    assert found == [200] * 16


def test_a_client_that_hangs_up_disturbs_nobody(session, prometheus, scrape, connect):
    """Before, in the middle of, and after its request, and in the middle of its answer."""
    for data in (b"", b"GET /me", GET):
        connect(prometheus.port, data).close()
    client = connect(prometheus.port, GET)
    assert client.recv(10)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # as one that crashes
    client.close()
    assert scrape().status == 200
