"""A Redis server that freezes, and comes back."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time

import pytest

from pegboard import Session, task
from pegboard_cache import Cache, Caching


@pytest.fixture
def server(tmp_path, redis_program):
    """A server of the test's own: its process, and its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    with subprocess.Popen([redis_program, *arguments], stdout=subprocess.DEVNULL) as process:
        until = time.monotonic() + 20
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.02)
        yield process, f"redis://127.0.0.1:{port}"
        process.kill()


@pytest.mark.parametrize("known", [True, False], ids=["known before", "never seen well"])
@pytest.mark.parametrize("lock", [False, True], ids=["", "lock"])
def test_frozen_server_costs_little(server, make, known, lock):
    """A server that freezes costs a moment, once, and nothing more for as long as it stands still."""
    process, url = server
    body = make(lambda x: x, Cache(lock=lock))
    with Session(Caching(url), inherit=False, strict=True) as session:
        if known:
            assert [body(x % 3) for x in range(6)] == [0, 1, 2, 0, 1, 2]
        process.send_signal(signal.SIGSTOP)
        begun = time.monotonic()
        assert [body(x) for x in range(10, 60)] == [*range(10, 60)]
        seconds = time.monotonic() - begun
        process.send_signal(signal.SIGCONT)
        assert session[Caching].stats().failures >= 100
    assert seconds < 1.9  # one answer that is waited for took 2 s


def test_thawed_server_is_used_again(server):
    """Once it answers again, it serves: a thread finds out, and no call waits."""
    process, url = server

    @task(Cache())
    def body(x):
        return x

    with Session(Caching(url), inherit=False, strict=True) as session:
        body(1)
        process.send_signal(signal.SIGSTOP)
        body(2)
        process.send_signal(signal.SIGCONT)
        before, until = session[Caching].stats().hits, time.monotonic() + 20
        while session[Caching].stats().hits == before and time.monotonic() < until:
            body(1)
            threading.Event().wait(0.02)
        assert session[Caching].stats().hits > before


def test_the_url_decides(server):
    """Who writes `socket_timeout` into the URL waits for as long as that, on every call that asks."""
    process, url = server

    @task(Cache())
    def body(x):
        return x

    with Session(Caching(f"{url}?socket_timeout=30"), inherit=False, strict=True) as session:
        assert [body(1), body(1)] == [1, 1]
        process.send_signal(signal.SIGSTOP)
        thaw = threading.Timer(0.3, process.send_signal, [signal.SIGCONT])
        thaw.start()
        body(1)
        thaw.join()
        assert session[Caching].stats().hits == 2


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_fork_while_it_is_left_alone(server):
    """A forked child asks for itself, and does not wait for a thread of its parent."""
    process, url = server

    @task(Cache())
    def body(x):
        return x

    with Session(Caching(url), inherit=False) as session:
        body(1)
        process.send_signal(signal.SIGSTOP)
        body(2)
        process.send_signal(signal.SIGCONT)
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                code = 0 if body.run(1).source == "cache" else 2
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert session[Caching].stats().failures
