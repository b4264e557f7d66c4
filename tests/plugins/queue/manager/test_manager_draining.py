"""Managers in a session that drains."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import textwrap
import threading
from typing import Any

import pytest

from pegboard import Session, Suspended, task
from pegboard_queue import Item, ItemCancelled, ManagerClosed, TaskManager


class Gate:
    """A body that runs until it is opened."""

    def __init__(self) -> None:
        self.begun, self.opened = threading.Event(), threading.Event()

    def __call__(self) -> str:
        self.begun.set()
        assert self.opened.wait(10)
        return "through"


def test_what_has_not_begun_is_cancelled_and_what_runs_goes_on() -> None:
    """Whoever waits for it is told."""
    gate = Gate()
    with Session() as session, TaskManager(workers=1) as manager:
        running = manager.submit(gate)
        ready = manager.submit(gate)
        behind = manager.submit(gate, depends_on=running)
        paused = manager.submit(gate)
        paused.pause()
        assert gate.begun.wait(10)
        session.drain()
        assert [item.state for item in (running, ready, behind, paused)] == ["running", *["cancelled"] * 3]
        with pytest.raises(ItemCancelled):
            ready.wait()
        gate.opened.set()
        assert running.wait() == "through"


def test_nobody_outside_of_a_call_submits_any_more() -> None:
    """Nor retries."""

    @task
    def fails() -> None:
        raise OSError("no")

    with Session() as session, TaskManager() as manager:
        failed = manager.submit(fails)
        manager.join()
        session.drain()
        for submit in (lambda: manager.submit(fails), lambda: manager.submit([Item(fails)]), failed.retry):
            with pytest.raises(ManagerClosed, match="drains"):
                submit()


def test_what_runs_still_submits_what_it_needs() -> None:
    """An item, and a call that waits for one; what they had submitted before goes on, too."""
    gate, one = Gate(), task(lambda: 1, name="one")
    with Session() as session, TaskManager(workers=1) as manager:

        @task
        def item() -> Any:
            before = manager.submit(one)
            gate()
            return before.wait(), manager.submit(one).wait()

        @task
        def call() -> Any:
            before = manager.submit(one)
            running = manager.submit(item)
            assert gate.begun.wait(10)
            session.drain()
            gate.opened.set()
            return before.wait(), running.wait(), manager.submit(one).wait()

        assert call() == (1, (1, 1), 1)


def test_an_item_that_suspends_is_cancelled() -> None:
    """Nobody would resume it."""
    gate = Gate()

    @task
    def suspends() -> None:
        gate()
        raise Suspended

    with Session() as session, TaskManager() as manager:
        item = manager.submit(suspends)
        assert gate.begun.wait(10)
        session.drain()
        gate.opened.set()
        manager.join(10)
        assert item.state == "cancelled"


def test_another_session_goes_on() -> None:
    """It does not drain."""
    with TaskManager() as manager, Session(inherit=False) as one:
        one.drain()
        with Session(inherit=False):
            assert manager.submit(lambda: 1).wait() == 1


PROGRAM = """
    import os, signal, sys, threading, time, asyncio
    from pegboard import Session, hookimpl, install_sigterm, task
    from pegboard_queue import TaskManager

    def say(text):
        os.write(1, (text + "\\n").encode())

    class Tells:
        name = "tells"
        @hookimpl
        def after_execute(self, call, outcome): say(f"{call.task.name} {outcome.status}")
        @hookimpl
        def session_end(self): say("session ended")

    @task
    def work(seconds=0.5):
        say("ready")
        time.sleep(seconds)

    @task
    async def awork(seconds=0.5):
        say("ready")
        await asyncio.sleep(seconds)
"""


def told(program: str) -> tuple[int, list[str], str]:
    """Start a program, send it SIGTERM when it is ready, and return its status and what it said then."""
    source = textwrap.dedent(PROGRAM) + textwrap.dedent(program)
    with subprocess.Popen(
        [sys.executable, "-c", source], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            process.send_signal(signal.SIGTERM)
            out, errors = process.communicate(timeout=30)
        finally:
            process.kill()
    return process.returncode, out.splitlines(), errors


@pytest.mark.parametrize("kind", ["work", "awork"])
@pytest.mark.parametrize("then", ["time.sleep(30)", "manager.join()", "pass", "manager.submit(work).wait()"])
def test_sigterm_has_what_runs_end(kind: str, then: str) -> None:
    """Wherever the main thread is; nothing begins any more."""
    assert told(
        f"""
        install_sigterm()
        with Session(Tells()), TaskManager(workers=1) as manager:
            for _ in range(50):
                manager.submit({kind})
            {then}
        """
    ) == (143, [f"{kind} ok", "session ended"], "")


def test_a_manager_that_nobody_closes_ends_with_its_session() -> None:
    """What runs has its time, too."""
    assert told(
        """
        install_sigterm()
        with Session(Tells()):
            manager = TaskManager(workers=1)
            for _ in range(50):
                manager.submit(work)
            time.sleep(30)
        """
    ) == (143, ["work ok", "session ended"], "")


@pytest.mark.parametrize("made", ["with TaskManager() as manager:", "manager = TaskManager()\nif True:"])
def test_what_outlives_the_grace_holds_up_no_end(made: str) -> None:
    """The session ends all the same."""
    status, out, _ = told(
        f"""
        install_sigterm(grace=1)
        with Session(Tells()):
            {made.replace(chr(10), chr(10) + " " * 12)}
                manager.submit(work, (60,))
                time.sleep(30)
        """
    )
    assert (status, out) == (143, ["session ended"])


def test_ctrl_c_still_cancels_all() -> None:
    """Whoever presses it wants to wait for nothing."""
    gate = Gate()
    with pytest.raises(KeyboardInterrupt), Session() as session, TaskManager() as manager:
        item = manager.submit(gate)
        assert gate.begun.wait(10)
        session.drain()
        threading.Timer(0.05, gate.opened.set).start()
        raise KeyboardInterrupt
    assert item.state == "cancelled"


def test_async_too() -> None:
    """A manager of a loop."""

    async def main() -> None:
        begun, opened = asyncio.Event(), asyncio.Event()

        async def wait() -> str:
            begun.set()
            await opened.wait()
            return "through"

        async with Session() as session, TaskManager(workers=1) as manager:
            running, ready = manager.submit(wait), manager.submit(wait)
            await begun.wait()
            session.drain()
            with pytest.raises(ItemCancelled):
                await ready
            opened.set()
            assert await running == "through"

    asyncio.run(main())
