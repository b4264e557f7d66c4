"""Taking back what was done, when no value came out."""

from __future__ import annotations

import asyncio

import pytest

from pegboard import PegboardError, Session, Suspended, current_call, task
from pegboard_recover import Fallback, Undo

both = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])


def raising(error: BaseException | None, *options, is_async: bool):
    """Make a task of one argument that raises `error`, or returns 1."""

    def step(x: int) -> int:
        if error is not None:
            raise error
        return 1

    async def astep(x: int) -> int:
        await asyncio.sleep(0)
        return step(x)

    return task(*options)(astep if is_async else step)


@both
@pytest.mark.parametrize(
    ("error", "options", "expected"),
    [
        (None, [], 0),
        (OSError(), [], 1),
        (OSError(), [Fallback(1)], 0),
        (OSError(), [Fallback(lambda _: 1 / 0)], 1),
    ],
    ids=["success", "failure", "recovered", "recovery failed"],
)
def test_an_undo_runs_when_no_value_came_out(is_async: bool, error, options, expected: int) -> None:
    """Once, after the handlers and the fallback; not when one of them had a value."""
    undone = []
    probe = raising(error, Undo(undone.append), *options, is_async=is_async)
    with Session():
        probe.run(7)
    assert undone == [7] * expected


def test_the_undo_comes_after_the_fallback() -> None:
    """The order is handlers, fallback, undo."""
    told = []

    def fallback(x: int) -> None:
        told.append("fallback")
        raise OSError

    probe = raising(OSError(), Undo(lambda _: told.append("undo")), Fallback(fallback), is_async=False)
    with Session():
        probe.run(1)
    assert told == ["fallback", "undo"]


def test_an_undo_may_ask_for_the_error() -> None:
    """As `error=`, beside the arguments."""
    undone = []
    error = OSError()
    with Session():
        raising(error, Undo(lambda x, error: undone.append((x, error))), is_async=False).run(7)
    assert undone == [(7, error)]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1)])
def test_ctrl_c_is_undone(error: BaseException) -> None:
    """KeyboardInterrupt and SystemExit are undone, and pass."""
    undone = []
    with Session(), pytest.raises(type(error)):
        raising(error, Undo(undone.append), is_async=False)(7)
    assert undone == [7]


@both
def test_a_suspended_call_is_not_undone(is_async: bool) -> None:
    """Its work is parked, and taken up later."""
    undone = []
    probe = raising(Suspended(), Undo(undone.append), is_async=is_async)
    with Session(), pytest.raises(Suspended):
        asyncio.run(probe(7)) if is_async else probe(7)
    assert undone == []


@pytest.mark.parametrize("cancels", [1, 3])
def test_cancellation_is_undone_first(cancels: int) -> None:
    """An async undo is awaited to its end, however often the task is cancelled meanwhile; then the cancellation leaves."""
    undone = []

    async def undo(x: int) -> None:
        await asyncio.sleep(0.02)
        undone.append((x, current_call().task.name))

    @task(Undo(undo), name="job")
    async def job(x: int) -> None:
        await asyncio.sleep(60)

    async def main() -> None:
        running = asyncio.ensure_future(job(7))
        for _ in range(cancels):
            await asyncio.sleep(0.002)
            running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    with Session():
        asyncio.run(main())
    assert undone == [(7, "job")]


def test_an_undo_after_an_error_is_not_cut_short() -> None:
    """A cancellation that comes while it runs waits for it, and leaves in the error's place."""
    undone = []
    begun = asyncio.Event()

    async def undo(x: int) -> None:
        begun.set()
        await asyncio.sleep(0.02)
        undone.append(x)

    probe = raising(OSError(), Undo(undo), is_async=True)

    async def main() -> None:
        running = asyncio.ensure_future(probe(7))
        await begun.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    with Session():
        asyncio.run(main())
    assert undone == [7]


def test_an_undo_is_bounded() -> None:
    """One that takes longer than `within` is cancelled, and that is noted on the error."""
    cleaned = []

    async def undo(x: int) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            cleaned.append(x)

    error = OSError()
    with Session():
        raising(error, Undo(undo, within=0.05), is_async=True).run(7)
    assert cleaned == [7]
    assert "and its undo failed: TimeoutError: it took longer than 0.05 s" in error.__notes__


@pytest.mark.parametrize("kind", ["generator", "async_generator"])
@pytest.mark.parametrize("ending", ["error", "closed", "exhausted"])
def test_a_stream_is_undone_when_it_fails(kind: str, ending: str) -> None:
    """Not when its consumer closes it, nor at its end."""
    undone = []

    def items(x: int):
        yield 1
        if ending == "error":
            raise OSError

    async def aitems(x: int):
        for item in items(x):
            yield item

    async def consume() -> None:
        stream = task(Undo(undone.append))(aitems)(7)
        async for _ in stream:
            if ending == "closed":
                await stream.aclose()
                return

    with Session():
        try:
            if kind == "generator":
                stream = task(Undo(undone.append))(items)(7)
                for _ in stream:
                    if ending == "closed":
                        stream.close()
            else:
                asyncio.run(consume())
        except OSError:
            pass
    assert undone == ([7] if ending == "error" else [])


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_call_that_ended_well_can_be_undone_by_whoever_keeps_it(kind: str) -> None:
    """Its layer has a function for that, which gets the call and the error."""
    undone = []

    def undo(number, error):
        undone.append((number, type(error)))

    async def aundo(number, error):
        undo(number, error)

    @task(Undo(undo))
    def book(number):
        return current_call()

    @task(Undo(aundo))
    async def abook(number):
        return current_call()

    async def main():
        call = await abook(1)
        (layer,) = [each for each in call.plan.layers if each.undo is not None]
        await layer.undo(call, KeyError())

    with Session():
        if kind == "sync":
            call = book(1)
            (layer,) = [each for each in call.plan.layers if each.undo is not None]
            layer.undo(call, KeyError())
        else:
            asyncio.run(main())
    assert undone == [(1, KeyError)]


def test_an_error_that_parks_a_call_is_not_undone() -> None:
    """Its work is taken up later."""

    class LaterError(PegboardError):
        parked = True

    undone = []

    @task(Undo(lambda: undone.append(1)))
    def work():
        raise LaterError("the disk is full")

    with Session(), pytest.raises(LaterError):
        work()
    assert undone == []
