"""The store: what happens when it is not there, and what is left of it afterwards."""

from __future__ import annotations

import asyncio
import logging
import socket
import subprocess
import sys
import threading
import time

import pytest
import redis

from pegboard import Layer, Order, Session, hookimpl, task
from pegboard.testing import check_plugin
from pegboard_limits import Breaker, Concurrency, Limits, LimitStoreError, RateLimit


@pytest.fixture
def nowhere():
    """The URL of a Redis that is down."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"redis://:hunter2@127.0.0.1:{free.getsockname()[1]}"


OPTIONS = pytest.mark.parametrize(
    "option", [RateLimit("5/s"), Concurrency(2)], ids=lambda each: type(each).__name__
)


def test_the_plugin_has_its_manners(redis_url):
    """What Pegboard promises of every plugin holds with a store, too: no thread is left over."""
    check_plugin(lambda: Limits(redis_url), Breaker(3), RateLimit("1000/s"), Concurrency(2))


@OPTIONS
def test_a_store_that_is_down_refuses(nowhere, kind, of_kind, option, caplog):
    """A limit that cannot be checked raises by default: the function does not run, and no password is shown."""
    runs = []
    probe = of_kind(kind, lambda: runs.append(1), option)
    with caplog.at_level(logging.WARNING), Session(Limits(nowhere), inherit=False):
        result = probe.run()
    assert isinstance(result.error, LimitStoreError)
    assert (result.error.name, result.error.task, result.error.retryable) == ("probe", "probe", True)
    assert isinstance(result.error.__cause__, redis.RedisError)
    assert runs == []
    assert "hunter2" not in str(result.error) + caplog.text


@OPTIONS
def test_calls_may_go_on_without_the_store(nowhere, kind, of_kind, option, caplog):
    """`on_store_error='allow'`: they run, and one warning for each limit says so."""
    probe = of_kind(kind, lambda: 1, option)
    with (
        caplog.at_level(logging.WARNING, "pegboard.limits"),
        Session(Limits(nowhere, on_store_error="allow"), inherit=False),
    ):
        for _ in range(3):
            assert probe.run().status == "ok"
    assert ["cannot be checked" in record.getMessage() for record in caplog.records] == [True]


def test_within_the_process_a_limit_holds_without_the_store(nowhere):
    """`on_store_error='allow'` leaves the slots of this process: at most n of its calls go on at once."""
    now, most = 0, 0

    @task(Concurrency(2))
    async def probe():
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.001)
        now -= 1

    async def main():
        await asyncio.gather(*(probe() for _ in range(20)))

    with Session(Limits(nowhere, on_store_error="allow"), inherit=False):
        asyncio.run(main())
    assert most == 2


def test_one_instance_serves_session_after_session(redis_url, colour, of_kind):
    """The connection ends with the last session, its thread with it, and the next session makes a new one."""
    limits, probe = Limits(redis_url), of_kind(colour, lambda: 1, Concurrency(1), RateLimit("1000/s"))
    for _ in range(3):
        with Session(limits, inherit=False):
            with Session(limits, inherit=False):
                assert probe.run().value == 1
            assert "pegboard-limits" in [thread.name for thread in threading.enumerate()]
            assert probe.run().value == 1
        assert "pegboard-limits" not in [thread.name for thread in threading.enumerate()]


FORKS = """
import os, sys
from pegboard import Layer, Order, Session, hookimpl, task
from pegboard_limits import Concurrency, Limits, RateLimit

@task(Concurrency(2), RateLimit("1000/s"))
def probe():
    return 7

with Session(Limits(sys.argv[1])):
    assert probe() == 7
    pid = os.fork()
    assert probe() == 7
if pid:
    print("child", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


def test_a_forked_process_asks_for_itself(redis_url):
    """After a fork the child has no thread and no connection of its parent, and makes its own."""
    command = [sys.executable, "-c", FORKS, redis_url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "child 0\n", done.stderr


def test_a_store_that_comes_back_is_used_again(redis_url):
    """A connection that the server closed is made anew, without an error."""

    @task(Concurrency(2), RateLimit("1000/s"))
    def probe():
        return 1

    with Session(Limits(redis_url), inherit=False):
        assert probe() == 1
        with socket.create_connection(("127.0.0.1", int(redis_url.rpartition(":")[2])), timeout=5) as client:
            client.sendall(b"CLIENT KILL TYPE normal SKIPME yes\r\n")
            assert client.recv(64).startswith(b":")
        assert [probe() for _ in range(5)] == [1] * 5


def test_a_function_does_not_wait_for_the_store_beyond_its_deadline():
    """A store that takes the connection and says nothing holds a call no longer than its limit of time."""

    class TimeLimit:
        name = "time_limit"

        @hookimpl
        def bind(self, session, task):
            async def run(call, proceed):
                async with call.timeout(0.1):
                    return await proceed(call)

            return Layer("time_limit", Order.DEADLINE, run=run)

    @task(RateLimit("5/s"))
    def probe():
        return "ran"

    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}?socket_timeout=0.5"
        with Session(Limits(url), TimeLimit(), inherit=False):
            began = time.monotonic()
            result = probe.run()
            assert time.monotonic() - began < 0.4
    assert isinstance(result.error, LimitStoreError)
