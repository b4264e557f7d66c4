"""Streams that are not over when their session ends."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from pegboard import Layer, Scope, Session, SessionError, current_call, hookimpl, task
from pegboard.testing import Recorder


class Passing:
    name = "passing"

    def __init__(self) -> None:
        self.scopes: list[str] = []

    @hookimpl
    def bind(self) -> list[object]:
        async def stream(call: Any, proceed: Any) -> Any:
            async for item in proceed(call):
                yield item

        def enter(call: Any) -> None:
            self.scopes.append("entered")

        def leave(call: Any, token: object) -> None:
            self.scopes.append("left")

        return [Layer("passing", 300, stream=stream), Scope("passing", enter, leave)]


closed: list[str] = []


@pytest.fixture(autouse=True)
def nothing_closed() -> None:
    closed.clear()


@task
def rows() -> Iterator[int]:
    try:
        yield 1
        yield 2
    finally:
        closed.append("rows")


@task
async def arows() -> AsyncIterator[int]:
    try:
        yield 1
        yield 2
    finally:
        await asyncio.sleep(0)
        closed.append("arows")


def end_of(recorder: Recorder) -> tuple[str, bool]:
    """How the one call ended, and whether that was told before the end of the session."""
    (after,) = recorder.of("after_execute")
    assert recorder.unbalanced() == []
    return after.details["outcome"].status, recorder.of("session_end") == []


class Last:
    """Notes what was told when the session ended."""

    name = "last"

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self.told_before_the_end: list[str] = []

    @hookimpl
    def session_end(self) -> None:
        self.told_before_the_end = self._recorder.log()


@pytest.mark.parametrize("layered", [False, True])
def test_a_suspended_stream_is_closed_with_its_session(layered: bool) -> None:
    """Before the plugins are told the end of the session."""
    recorder, passing = Recorder(), Passing()
    last = Last(recorder)
    with Session(recorder, last, *([passing] if layered else []), inherit=False):
        items = rows()
        assert next(items) == 1
    assert closed == ["rows"]
    assert list(items) == []
    assert end_of(recorder)[0] == "closed"
    assert last.told_before_the_end[-1] == "after_execute closed/run 1"
    assert passing.scopes == ["entered", "left"] * layered


@pytest.mark.parametrize("layered", [False, True])
def test_an_async_session_awaits_the_close_of_a_suspended_stream(layered: bool) -> None:
    """Its `finally` may await; one of a function's is closed, too."""
    recorder = Recorder()

    async def main() -> None:
        async with Session(recorder, *([Passing()] if layered else []), inherit=False):
            items, plain = arows(), rows()
            assert await anext(items) == 1
            assert next(plain) == 1
        assert sorted(closed) == ["arows", "rows"]
        assert [item async for item in items] == []

    asyncio.run(main())
    assert [event.details["outcome"].status for event in recorder.of("after_execute")] == ["closed"] * 2
    assert recorder.unbalanced() == []


def test_an_async_stream_in_a_sync_session_ends_for_observers_alone() -> None:
    """The body is left to whoever reads it, and its own end is told to nobody."""
    recorder, passing = Recorder(), Passing()

    async def main() -> None:
        with Session(recorder, passing, inherit=False):
            items = arows()
            assert await anext(items) == 1
        assert end_of(recorder)[0] == "closed"
        assert passing.scopes == ["entered", "left"]
        assert closed == []
        assert [item async for item in items] == [2]

    asyncio.run(main())
    assert closed == ["arows"]
    assert len(recorder.of("after_execute")) == len(recorder.of("after_attempt")) == 1
    assert passing.scopes == ["entered", "left"]


def test_a_stream_that_another_thread_is_running_ends_for_observers_alone() -> None:
    """It cannot be closed at that moment; it goes on, and its own end is told to nobody."""
    recorder = Recorder()
    inside, go_on = threading.Event(), threading.Event()
    got: list[int] = []

    @task
    def slow() -> Iterator[int]:
        yield 1
        inside.set()
        go_on.wait(10)
        yield 2

    with Session(recorder, inherit=False):
        items = slow()
        next(items)
        reader = threading.Thread(target=lambda: got.extend(items))
        reader.start()
        inside.wait(10)
    assert end_of(recorder)[0] == "closed"
    go_on.set()
    reader.join()
    assert got == [2]
    assert len(recorder.of("after_execute")) == len(recorder.of("after_attempt")) == 1


def test_a_stream_that_was_not_begun_cannot_begin_after_its_session() -> None:
    """It would tell plugins of a session that is over; it says so at its first step."""
    recorder = Recorder()
    with Session(recorder, inherit=False):
        items = rows()
    with pytest.raises(SessionError, match="ended before its first item was asked for"):
        next(items)
    assert recorder.of("before_execute") == []


def test_what_a_stream_raises_while_it_is_closed_is_raised_by_the_session() -> None:
    """With what else goes wrong at its end, and every other stream is closed."""
    recorder = Recorder()

    @task
    def odd() -> Iterator[int]:
        try:
            yield 1
        finally:
            raise ValueError("no way out")

    with pytest.raises(ExceptionGroup) as caught, Session(recorder, inherit=False):
        streams = [odd(), rows()]
        for items in streams:
            next(items)
    assert [str(error) for error in caught.value.exceptions] == ["no way out"]
    assert closed == ["rows"]
    assert recorder.unbalanced() == []


def test_a_stream_that_is_over_is_not_held_by_its_session() -> None:
    """However it ended: read, closed, or dropped."""
    with Session(inherit=False) as session:
        list(rows())
        left = rows()
        next(left)
        left.close()
        dropped = rows()
        next(dropped)
        del dropped
        assert session.streams == set()
        assert current_call() is None


def test_an_inner_session_closes_its_own_streams() -> None:
    """Those of the outer one go on."""
    with Session(inherit=False):
        outer = rows()
        next(outer)
        with Session():
            next(rows_inner := rows())
        assert list(rows_inner) == []
        assert list(outer) == [2]
