"""The server against clients that are slow, silent or many."""

from __future__ import annotations

import threading
import time

import pytest

from pegboard import Session, task
from pegboard_prometheus.endpoint.connection import MAX_SECONDS
from pegboard_prometheus.endpoint.server import MAX_CONNECTIONS


@task
def work():
    return 1


def client_threads():
    return [thread for thread in threading.enumerate() if thread.name == "pegboard-prometheus-client"]


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
    """With 300 of them, a scrape is answered within a second, and they hold a bounded number of threads."""
    for _ in range(300):
        connect(prometheus.port, data)
    before = time.monotonic()
    assert scrape().status == 200
    assert time.monotonic() - before < 1
    assert len(client_threads()) <= 2 * MAX_CONNECTIONS


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
    while client_threads() and time.monotonic() - begun < 10:
        time.sleep(0.01)
    assert time.monotonic() - begun < 10


@pytest.mark.slow
def test_a_reader_that_never_reads_is_cut(metrics, prometheus, connect):
    """An answer gets 5 seconds to go out, and its thread ends then."""

    class Large:
        def collect(self):
            from prometheus_client.core import GaugeMetricFamily

            family = GaugeMetricFamily("large", "A lot of text.", labels=["text"])
            for number in range(400):
                family.add_metric([str(number) * 20_000], 1)
            yield family

    metrics.registry.register(Large())
    with Session(metrics, prometheus, inherit=False):
        connect(prometheus.port, b"GET /metrics HTTP/1.0\r\n\r\n")
        before = time.monotonic()
        while not client_threads():
            time.sleep(0.01)
        while client_threads() and time.monotonic() - before < 20:
            time.sleep(0.05)
        assert time.monotonic() - before < MAX_SECONDS + 2


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


def test_when_all_connections_are_being_answered_a_further_one_is_told(metrics, prometheus, connect):
    """503, at once, and each of the others gets its answer."""
    asked = threading.Semaphore(0)
    release = threading.Event()

    class Waiting:
        def collect(self):
            asked.release()
            release.wait(30)
            return []

    metrics.registry.register(Waiting())
    with Session(metrics, prometheus, inherit=False):
        clients = [connect(prometheus.port, b"GET /metrics HTTP/1.0\r\n\r\n") for _ in range(MAX_CONNECTIONS)]
        for _ in clients:
            assert asked.acquire(timeout=30)
        assert b" 503 " in connect(prometheus.port).recv(1_000)
        release.set()
        assert [b" 200 " in client.makefile("rb").readline() for client in clients] == [True] * len(clients)


def test_a_session_ends_at_once_whatever_its_clients_do(metrics, prometheus, connect):
    """Silent clients are cut at the end, and no thread is left."""
    with Session(metrics, prometheus, inherit=False):
        clients = [connect(prometheus.port, b"GET") for _ in range(10)]
        while len(client_threads()) < 10:  # the last ones may still wait to be accepted
            pass
        before = time.monotonic()
    assert time.monotonic() - before < 1
    assert client_threads() == []
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
    assert client_threads() == []


def test_scrapes_at_once_are_all_answered(session, prometheus, ask):
    """Several scrapers, each with a thread of its own, while tasks run."""
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
    """Before, in the middle of, and after its request."""
    for data in (b"", b"GET /me", b"GET /metrics HTTP/1.0\r\n\r\n"):
        connect(prometheus.port, data).close()
    assert scrape().status == 200
