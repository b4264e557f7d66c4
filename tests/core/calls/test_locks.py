"""Locks by key, shared by threads and coroutines."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest

from pegboard import Layer, Order, Session, hookimpl, task
from pegboard.calls.locks import KeyedLocks


class Exclusive:
    """A layer that lets one call at a time through for each argument."""

    name = "exclusive"

    @hookimpl
    def bind(self) -> Layer:
        async def run(call, proceed):
            async with call.lock(call.args[0]):
                return await proceed(call)

        return Layer("exclusive", Order.LIMIT, run)


class Meter:
    """Counts how many are inside at once, by key."""

    def __init__(self) -> None:
        self.guard = threading.Lock()
        self.inside: dict[str, int] = {}
        self.most: dict[str, int] = {}

    def enter(self, key: str) -> None:
        with self.guard:
            self.inside[key] = self.inside.get(key, 0) + 1
            self.most[key] = max(self.most.get(key, 0), self.inside[key])

    def leave(self, key: str) -> None:
        with self.guard:
            self.inside[key] -= 1


def test_threads_and_coroutines_exclude_each_other() -> None:
    """One at a time for a key, whoever asks; another key is free."""
    meter = Meter()

    @task
    def work(key: str) -> None:
        meter.enter(key)
        threading.Event().wait(0.001)
        meter.leave(key)

    @task
    async def awork(key: str) -> None:
        meter.enter(key)
        await asyncio.sleep(0.001)
        meter.leave(key)

    with Session(Exclusive()) as session:

        async def coroutines() -> None:
            await asyncio.gather(*(awork(key) for key in "ab" * 10))

        threads = [work.submit(key) for key in "ab" * 10]
        asyncio.run(coroutines())
        for thread in threads:
            thread.result(10)
        assert meter.most == {"a": 1, "b": 1}
        assert session.locks._queues == {}


def test_a_cancelled_waiter_gives_its_place_up() -> None:
    """Whoever waits behind a cancelled waiter still gets the lock."""
    locks = KeyedLocks()
    order = []

    async def hold(name: str, steps: int = 1) -> None:
        async with locks.hold("key", SimpleNamespace(is_async=True)):
            order.append(name)
            for _ in range(steps):
                await asyncio.sleep(0)

    async def main() -> None:
        first = asyncio.ensure_future(hold("first", steps=5))
        await asyncio.sleep(0)
        second, third = asyncio.ensure_future(hold("second")), asyncio.ensure_future(hold("third"))
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.wait_for(asyncio.gather(first, third), 5)
        with pytest.raises(asyncio.CancelledError):
            await second

    asyncio.run(main())
    assert order == ["first", "third"]
    assert locks._queues == {}


def test_a_waiter_cancelled_just_after_it_was_given_the_lock_hands_it_on() -> None:
    """No slot is lost between the grant and the wake-up."""
    locks = KeyedLocks()
    got = []

    async def hold(name: str) -> None:
        async with locks.hold("key", SimpleNamespace(is_async=True)):
            got.append(name)

    async def main() -> None:
        holding = locks.hold("key", SimpleNamespace(is_async=True))
        await holding.__aenter__()
        second, third = asyncio.ensure_future(hold("second")), asyncio.ensure_future(hold("third"))
        await asyncio.sleep(0)
        await holding.__aexit__(None, None, None)  # grants it to the second
        second.cancel()
        await asyncio.wait_for(third, 5)

    asyncio.run(main())
    assert got == ["third"]
    assert locks._queues == {}


def test_a_waiter_of_a_closed_loop_is_passed_over() -> None:
    """A loop that ended with waiters in it does not keep the lock."""
    locks = KeyedLocks()
    holding = locks.hold("key", SimpleNamespace(is_async=False))
    entering = holding.__aenter__()
    with pytest.raises(StopIteration):
        entering.send(None)
    loop = asyncio.new_event_loop()
    waiting = loop.create_task(_hold_async(locks))
    loop.call_soon(loop.stop)
    loop.run_forever()
    ticket = locks._queues["key"][0]
    loop.close()
    waiting._log_destroy_pending = False
    leaving = holding.__aexit__(None, None, None)
    with pytest.raises(StopIteration):
        leaving.send(None)
    assert not ticket.granted
    waiting.get_coro().close()  # as the collector does, some time: it has nothing to give back
    assert locks._queues == {}


async def _hold_async(locks: KeyedLocks) -> None:
    async with locks.hold("key", SimpleNamespace(is_async=True)):
        pass


LOCKED = """
import os, threading, warnings
from types import SimpleNamespace
from pegboard.calls.locks import KeyedLocks

warnings.simplefilter("ignore")  # of forks beside threads, from Python 3.12 on
locks = KeyedLocks()
held, go_on = threading.Event(), threading.Event()

def drive(coroutine):
    try:
        coroutine.send(None)
    except StopIteration:
        pass

async def hold(key, inside):
    async with locks.hold(key, SimpleNamespace(is_async=False)):
        inside()

other = threading.Thread(target=drive, args=(hold("theirs", lambda: (held.set(), go_on.wait(30))),))
other.start()
assert held.wait(30)

def fork():
    global pid
    pid = os.fork()
    if pid == 0:
        drive(hold("theirs", lambda: print("theirs is free", flush=True)))
        waiting = threading.Thread(target=drive, args=(hold("mine", lambda: print("mine", flush=True)),), daemon=True)
        waiting.start()
        waiting.join(0.1)
        print("mine is held" if waiting.is_alive() else "mine is free", flush=True)

drive(hold("mine", fork))
if pid:
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    go_on.set()
else:
    waiting = [thread for thread in threading.enumerate() if thread.daemon]
    for thread in waiting:
        thread.join(30)
"""


def test_a_forked_child_has_what_its_thread_held_and_the_rest_is_free() -> None:
    """Threads that did not come along hold nothing there."""
    done = subprocess.run(
        [sys.executable, "-c", LOCKED], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stderr, done.returncode) == ("", 0)
    assert done.stdout.splitlines() == ["theirs is free", "mine is held", "mine"]
