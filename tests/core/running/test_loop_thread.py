"""An event loop in a thread, for sync code."""

from __future__ import annotations

import asyncio
import threading
from contextvars import ContextVar

from pegboard.running.loop_thread import LoopThread

mark: ContextVar[str] = ContextVar("mark", default="none")


async def seen() -> tuple[str, str]:
    return threading.current_thread().name, mark.get()


def test_coroutines_run_in_its_thread_and_in_the_callers_context() -> None:
    """Each with what is set where it is handed over; what it sets stays its own."""

    async def change() -> None:
        mark.set("changed")

    with LoopThread("mine") as loop:
        mark.set("set")
        assert loop.run(seen()) == ("mine", "set")
        loop.run(change())
        assert loop.run(seen()) == ("mine", "set")


def test_what_is_left_is_cancelled_and_awaited_at_the_end() -> None:
    """Nothing goes on, and no thread is left; stopping once more is fine."""
    ended = []

    async def wait() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            ended.append(True)

    async def begin() -> asyncio.Task[None]:
        return asyncio.create_task(wait())

    async def yielded() -> None:
        await asyncio.sleep(0)

    loop = LoopThread("mine")
    kept = loop.run(begin())
    loop.run(yielded())
    loop.stop()
    loop.stop()
    assert kept.cancelled()
    assert ended == [True]
    assert "mine" not in {thread.name for thread in threading.enumerate()}
