"""Sessions in an event loop."""

from __future__ import annotations

import asyncio
import threading

import pytest
from session_plugins import function, living

from pegboard import Session, current_session, hookimpl
from pegboard.testing import Recorder


def test_a_session_is_an_async_context_manager() -> None:
    """`async with` does what `with` does; the ends run beside the loop."""
    log: list[str] = []
    threads: list[bool] = []

    class Ending:
        name = "ending"

        @hookimpl
        def session_end(self) -> None:
            threads.append(threading.current_thread() is threading.main_thread())

    async def main() -> None:
        async with Session(*living("ab", log), Ending()) as session:
            assert current_session() is session
            assert await function.acall(1) == 1
        assert current_session() is None

    asyncio.run(main())
    assert log == ["start a", "start b", "end b", "end a"]
    assert threads == [False]


def test_an_async_session_raises_the_errors_of_its_ends() -> None:
    """As `with` does."""

    async def main() -> None:
        async with Session(*living("a", [], a="end")):
            pass

    with pytest.raises(ExceptionGroup):
        asyncio.run(main())


def test_cancellation_while_an_async_session_ends_lets_it_end() -> None:
    """Once begun, the ends run to their own end, and then the cancellation goes on."""
    log: list[str] = []
    begun, go_on = threading.Event(), threading.Event()

    class Slow:
        name = "slow"

        @hookimpl
        def session_end(self) -> None:
            begun.set()
            assert go_on.wait(10)
            log.append("ended")

    async def main() -> None:
        async with Session(Slow()):
            pass

    async def outside() -> None:
        running = asyncio.ensure_future(main())
        assert await asyncio.to_thread(begun.wait, 10)
        running.cancel()
        await asyncio.sleep(0)
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(outside())
    assert log == ["ended"]


def test_asyncio_tasks_may_share_one_session() -> None:
    """It starts with the first that enters and ends with the last that leaves."""
    log: list[str] = []
    recorder = Recorder()
    session = Session(recorder, *living("a", log))

    async def worker(gate: asyncio.Event, before: asyncio.Event) -> None:
        async with session:
            before.set()
            await gate.wait()
            function()

    async def main() -> None:
        gates = [asyncio.Event() for _ in range(4)]
        ins = [asyncio.Event() for _ in range(4)]
        workers = [asyncio.ensure_future(worker(*pair)) for pair in zip(gates, ins, strict=True)]
        for each in ins:
            await each.wait()
        for gate, each in zip(gates, workers, strict=True):
            assert log == ["start a"]
            gate.set()
            await each

    asyncio.run(main())
    assert log == ["start a", "end a"]
    assert len(recorder.of("after_execute")) == 4
