"""A concurrency limit that is kept in a Redis."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import redis

from pegboard import Session, task
from pegboard_limits import Concurrency, LimitExceeded, Limits
from pegboard_limits.concurrency.shared import SharedSlots
from pegboard_limits.store.redis_store import RedisStore

HOLDER = """
import sys, time
from pegboard import Session, task
from pegboard_limits import Concurrency, Limits

@task(Concurrency(int(sys.argv[2]), "shared"))
def hold():
    print("held", flush=True)
    time.sleep(60)

with Session(Limits(sys.argv[1], lease=0.6)):
    hold()
"""
QUEUE = "pegboard:limits:{places:name:shared}:queue"


@contextmanager
def another_process(url, slots):
    """A process that takes one of so many slots, or waits for it, and keeps it until it is killed."""
    command = [sys.executable, "-c", HOLDER, url, str(slots)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)
        process.stdout.close()


@pytest.fixture
def shared(redis_url, recorder):
    """An open session with limits in a Redis, in which nothing is left of them at the end."""
    with Session(Limits(redis_url), recorder, inherit=False, strict=True) as session:
        yield session
    assert recorder.unbalanced() == []
    assert keys(redis_url) == b"*0\r\n"


def keys(url):
    """What a Redis holds, as it says it."""
    with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=5) as client:
        client.sendall(b"KEYS *\r\n")
        return client.recv(4096)


class Gauge:
    """Counts how many are inside, and how many there were at most."""

    def __init__(self):
        self._guard = threading.Lock()
        self.now = self.most = self.runs = 0

    def __enter__(self):
        with self._guard:
            self.now += 1
            self.runs += 1
            self.most = max(self.most, self.now)

    def __exit__(self, *_):
        with self._guard:
            self.now -= 1


def test_two_instances_keep_to_one_limit(redis_url):
    """Two instances, as in two processes, with threads and coroutines that are cancelled: never four inside."""
    gauge, plugins = Gauge(), [Limits(redis_url), Limits(redis_url)]

    @task(Concurrency(3, "shared"))
    def sync_probe():
        with gauge:
            time.sleep(0.002)

    @task(Concurrency(3, "shared"))
    async def async_probe():
        with gauge:
            await asyncio.sleep(0.002)

    async def many(seed):
        chance = random.Random(seed)
        waiting = [asyncio.ensure_future(async_probe()) for _ in range(40)]
        for each in chance.sample(waiting, 15):
            await asyncio.sleep(chance.random() * 0.01)
            each.cancel()
        return await asyncio.gather(*waiting, return_exceptions=True)

    def go(index):
        with Session(plugins[index % 2], inherit=False):
            asyncio.run(many(index)) if index < 2 else [sync_probe() for _ in range(20)]

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(go, range(6)))
    assert (gauge.most, gauge.now) == (3, 0)
    assert gauge.runs >= 80 + 2 * 25
    assert keys(redis_url) == b"*0\r\n"


def test_the_slot_is_freed_however_the_call_ends(shared, colour, of_kind):
    """An error, Ctrl-C and a cancellation free the slot, in the store too."""

    def body(error):
        if error is not None:
            raise error
        return "free"

    probe = of_kind(colour, body, Concurrency(1))
    for error in (ValueError, KeyboardInterrupt, asyncio.CancelledError):
        with pytest.raises(error):
            asyncio.run(probe.acall(error))
    assert probe.run(None).value == "free"


def test_a_stream_holds_its_slot_until_it_is_closed(shared):
    """The same as within a process."""

    @task(Concurrency(1))
    def lines():
        yield 1
        yield 2

    stream = lines()
    assert next(stream) == 1
    with pytest.raises(LimitExceeded):
        next(lines.with_options(Concurrency(1, max_wait=0.05))())
    stream.close()
    assert lines.run().value == [1, 2]


def test_a_call_inside_shares_the_slot(shared, colour, recorder):
    """Recursion does not wait for itself, and takes no second lease."""

    @task(Concurrency(1))
    def function(depth):
        return 0 if depth == 0 else 1 + function(depth - 1)

    @task(Concurrency(1))
    async def coroutine(depth):
        return 0 if depth == 0 else 1 + sum(await asyncio.gather(*(coroutine(0) for _ in range(depth))))

    assert {"function": function, "coroutine": coroutine}[colour].run(3).value in (3, 1)
    assert len({event.details["what"] for event in recorder.of("on_wait")}) <= 1


def test_max_wait_refuses(redis_url, colour, of_kind):
    """`max_wait` counts the wait for another process as well: 0 asks once."""

    @task(Concurrency(1, "shared"))
    def hold():
        yield 1

    with Session(Limits(redis_url), inherit=False):
        stream = hold()
        next(stream)
        with Session(Limits(redis_url), inherit=False):
            for seconds in (0, 0.1):
                refused = of_kind(colour, lambda: 1, Concurrency(1, "shared", max_wait=seconds)).run()
                assert isinstance(refused.error, LimitExceeded)
        stream.close()
        assert of_kind(colour, lambda: 1, Concurrency(1, "shared", max_wait=5)).run().value == 1


def test_the_slot_of_a_killed_process_comes_free(redis_url):
    """A process that was killed with a slot in its hand gives it back when its lease runs out, while others keep theirs."""

    @task(Concurrency(2, "shared"))
    def hold():
        yield 1

    @task(Concurrency(2, "shared", max_wait=10))
    def probe():
        return time.monotonic()

    with another_process(redis_url, 2) as holder, Session(Limits(redis_url), inherit=False):
        assert holder.stdout.readline() == b"held\n"
        stream = hold()
        next(stream)
        time.sleep(1)
        refused = probe.with_options(Concurrency(2, "shared", max_wait=0)).run()
        assert isinstance(refused.error, LimitExceeded), "the lease is renewed while its process lives"
        os.kill(holder.pid, signal.SIGKILL)
        killed = time.monotonic()
        assert probe() - killed < 5
        stream.close()


def test_a_process_killed_in_the_queue_does_not_hold_it_up(redis_url):
    """Those behind it get the slot that was to be its own."""

    @task(Concurrency(1, "shared"))
    def hold():
        yield 1

    @task(Concurrency(1, "shared", max_wait=10))
    def probe():
        return "ran"

    with Session(Limits(redis_url), inherit=False), redis.Redis.from_url(redis_url) as client:
        stream = hold()
        next(stream)
        with another_process(redis_url, 1) as waiter:
            for _ in range(1000):
                if client.zcard(QUEUE) == 1:
                    break
                time.sleep(0.01)
            assert client.zcard(QUEUE) == 1
            os.kill(waiter.pid, signal.SIGKILL)
        stream.close()
        began = time.monotonic()
        assert probe() == "ran"
        assert time.monotonic() - began < 3


def test_what_is_given_back_follows_what_was_asked_for(redis_url):
    """A lease that is given back while somebody still asks for it is not taken afterwards."""
    store = RedisStore(redis_url, "pegboard", 30.0, allow=False)
    slots, asking = SharedSlots("probe", 1, store, "name:probe"), threading.Event()

    async def slow_query(connection):
        with connection.asking_for("me"):
            asking.set()
            await asyncio.sleep(0.2)
            return await slots._take(connection, "me", 0)

    asked = store._submit(slow_query)
    assert asking.wait(10)
    slots.give_back("me")
    assert asked.result(10) is True
    store.close()
    assert keys(redis_url) == b"*0\r\n"


def test_a_call_cancelled_while_it_asks_leaves_nothing_behind(redis_url):
    """What is given back reaches the store after what was asked for, however early the call was cancelled."""

    @task(Concurrency(50, "shared"))
    async def probe():
        await asyncio.sleep(1)

    async def main(moment):
        asking = [asyncio.ensure_future(probe()) for _ in range(40)]
        await asyncio.sleep(moment)
        for each in asking:
            each.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

    for index in range(10):  # each with new connections, which overtake each other most
        with Session(Limits(redis_url), inherit=False):
            asyncio.run(main(index * 0.002))
    assert keys(redis_url) == b"*0\r\n"


def test_processes_take_turns(redis_url):
    """First come, first served in the store: a process with many calls does not starve one that waits for its turn."""
    order, begun = [], threading.Event()

    @task(Concurrency(1, "shared"))
    def probe(who):
        order.append(who)
        begun.set()
        time.sleep(0.005)

    def go(who, calls):
        with Session(Limits(redis_url), inherit=False):
            if who == "one":
                assert begun.wait(10)
            for _ in range(calls):
                probe(who)

    with ThreadPoolExecutor(2) as pool:
        for running in [pool.submit(go, "many", 60), pool.submit(go, "one", 3)]:
            running.result(30)
    assert [who for who in order[:50] if who == "one"] == ["one"] * 3


def test_ctrl_c_ends_the_wait_for_another_process(redis_url):
    """A function interrupted while it waits for a lease leaves the queue in the store."""

    @task(Concurrency(1, "shared"))
    def hold():
        yield 1

    @task(Concurrency(1, "shared"))
    def probe():
        return "ran"

    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with Session(Limits(redis_url), inherit=False):
            stream = hold()
            next(stream)
            with Session(Limits(redis_url), inherit=False):
                signal.setitimer(signal.ITIMER_REAL, 0.2)
                with pytest.raises(KeyboardInterrupt):
                    probe()
            stream.close()
            assert probe() == "ran"
    finally:
        signal.signal(signal.SIGALRM, before)
    assert keys(redis_url) == b"*0\r\n"
