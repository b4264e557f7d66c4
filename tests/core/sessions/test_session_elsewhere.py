"""Sessions that are ended in another context than the one that entered them."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from pegboard import Session, SessionError, current_call, current_session, hookimpl, task
from pegboard.testing import Recorder


@task
def work() -> object:
    return current_call()


async def fixture(*plugins: object) -> AsyncIterator[Session]:
    async with Session(*plugins, inherit=False) as session:
        yield session


def ways_to_call() -> dict[str, Callable[[], object]]:
    return {
        "call": work,
        "run": lambda: work.run().unwrap(),
        "submit": lambda: work.submit().result(),
    }


@pytest.mark.parametrize("way", ["call", "run", "submit"])
def test_a_session_that_ended_in_another_asyncio_task_is_nobody_s(way: str) -> None:
    """Where it was entered, none is current any more, and its plugins are told of no call."""
    recorder = Recorder()

    async def main() -> None:
        generator = fixture(recorder)
        session = await anext(generator)
        work()
        assert current_session() is session
        await asyncio.create_task(generator.aclose())
        ways_to_call()[way]()
        assert current_session() is None
        assert work() is None

    asyncio.run(main())
    assert len(recorder.of("before_execute")) == 1


def test_the_session_around_it_serves_again() -> None:
    """And a task that both served has the plugins of that one."""
    outer, inner = Recorder("outer"), Recorder("inner")

    def entering() -> Iterator[None]:
        with Session(inner, inherit=False):
            yield

    with Session(outer, inherit=False) as session:
        generator = entering()
        next(generator)
        work()
        contextvars.copy_context().run(generator.close)
        work()
        assert current_session() is session
    assert len(outer.of("before_execute")) == len(inner.of("before_execute")) == 1


def test_a_session_may_end_in_a_thread_that_never_saw_it() -> None:
    """It ends, and that thread's own session stays."""
    recorder, seen = Recorder(), []
    session = Session(recorder, inherit=False)
    session.__enter__()

    def close() -> None:
        with Session(inherit=False) as own:
            session.__exit__(None, None, None)
            seen.append(current_session() is own)

    thread = threading.Thread(target=close)
    thread.start()
    thread.join()
    assert seen == [True]
    assert not session.is_open
    assert current_session() is None


def test_several_sessions_may_have_ended() -> None:
    """The innermost that is open is current."""
    contexts: list[contextvars.Context] = []
    with Session(inherit=False) as first:
        with Session() as second, Session() as third:
            contexts.append(contextvars.copy_context())
            assert current_session() is third
        assert not second.is_open
        assert contexts[0].run(current_session) is first
    assert contexts[0].run(current_session) is None


def test_sessions_still_nest() -> None:
    """An outer one is not left before the inner."""
    outer, inner = Session(inherit=False), Session()
    with outer:
        inner.__enter__()
        with pytest.raises(SessionError, match="leave the inner one first"):
            outer.__exit__(None, None, None)
        inner.__exit__(None, None, None)


def test_a_session_that_is_not_open_cannot_be_left() -> None:
    """Neither one that was never entered, nor one twice."""
    session = Session(inherit=False)
    with pytest.raises(SessionError, match="was not entered"):
        session.__exit__(None, None, None)
    with session:
        pass
    with pytest.raises(SessionError, match="left before"):
        session.__exit__(None, None, None)
    with session:
        assert session.is_open
    assert not session.is_open


def test_a_call_that_outlives_its_session_ends_for_it() -> None:
    """Begun inside, it is told to the end; what it calls then is nobody's."""
    recorder = Recorder()
    inside: list[Any] = []

    class Slow:
        name = "slow"

        @hookimpl
        def session_end(self) -> None:
            inside.append(work())

    with Session(recorder, Slow(), inherit=False):
        work()
    assert inside == [None]
    assert recorder.unbalanced() == []
