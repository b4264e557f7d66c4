"""Servers that several members' tests talk to: real ones, on loopback, for as long as the tests run."""

from __future__ import annotations

import gc
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import traceback
import warnings

import pytest


def pytest_configure() -> None:
    """Take Ctrl-C as any program does: one started in the background begins with SIGINT ignored, and hands that down."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    _take_the_time_that_it_takes()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call():
    """Have the collector look at what a test makes alone: at all that ten thousand tests have loaded, it looks for half a second."""
    gc.freeze()
    try:
        return (yield)
    finally:
        gc.unfreeze()


def _take_the_time_that_it_takes() -> None:
    """Have hypothesis judge what code does, and not how busy the machine is; some members' tests do without it."""
    try:
        from hypothesis import HealthCheck, settings
    except ImportError:
        return
    settings.register_profile("pegboard", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("pegboard")


@pytest.fixture
def in_child():
    """Runs a function in a forked child, and returns what it returns there, by way of JSON; one that hangs is ended."""

    def run(function):
        reader, writer = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of threads, from Python 3.12 on
            child = os.fork()
        if child == 0:
            signal.signal(
                signal.SIGALRM, signal.SIG_DFL
            )  # the runner's own would wait for the lock that hangs
            signal.alarm(30)
            try:
                told = json.dumps(function())
            except BaseException:  # noqa: BLE001 - the child has nobody else to tell
                told = json.dumps(traceback.format_exc())
            try:
                os.write(writer, told.encode())
            finally:
                os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as file:
            told = file.read()
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        return json.loads(told)

    return run


@pytest.fixture(scope="session")
def redis_program():
    """Return the path of redis-server; in CI it has to be there."""
    program = shutil.which("redis-server")
    if program is None:
        missing = "redis-server is not on PATH; Debian has it as the package of that name"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    return program


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory, redis_program):
    """Start a redis-server of our own on a free port, and return its address as `redis://127.0.0.1:<port>`."""
    folder = tmp_path_factory.mktemp("redis")
    port = _free_port()
    settings = {"port": port, "bind": "127.0.0.1", "save": "", "appendonly": "no", "dir": folder}
    arguments = [text for name, value in settings.items() for text in (f"--{name}", str(value))]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([redis_program, *arguments], stdout=log, stderr=log)
    try:
        _wait_for(port, server)
        yield f"redis://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(10)


@pytest.fixture
def redis_url(redis_server):
    """Return the address of a redis-server that holds nothing."""
    with socket.create_connection(("127.0.0.1", int(redis_server.rpartition(":")[2])), timeout=5) as client:
        client.sendall(b"FLUSHALL\r\n")
        assert client.recv(64) == b"+OK\r\n"
    return redis_server


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_for(port: int, server) -> None:
    for _ in range(200):
        if server.poll() is not None:
            pytest.fail(f"redis-server ended with status {server.returncode} instead of listening")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"redis-server does not listen on port {port} after 10 s")
