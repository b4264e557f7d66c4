"""`pipeline`: each step gets what the one before returned."""

from __future__ import annotations

import asyncio
import functools
import inspect
import threading

import pytest

from pegboard import MustBeAwaited, Session, apipeline, current_call, hookimpl, pipeline, task
from pegboard.testing import Recorder


@task(name="add_one")
def add_one(x: int) -> int:
    if x < 0:
        raise ValueError(x)
    return x + 1


@task(name="double")
async def double(x: int) -> int:
    await asyncio.sleep(0)
    if x < 0:
        raise ValueError(x)
    return 2 * x


@task(name="count_up")
def count_up(n: int):
    yield from range(n)


async def as_text(x: object) -> str:
    return str(x)


def test_sync_steps_give_a_value() -> None:
    """Tasks and plain functions, from left to right; a stream gives its list."""
    with Session():
        assert pipeline(add_one, lambda x: 10 * x, add_one, input=1) == 21
        assert pipeline(count_up, sum, input=4) == 6


def test_an_async_step_makes_it_a_coroutine() -> None:
    """Sync and async steps mix, in any order."""

    async def main() -> list[object]:
        waiting = pipeline(add_one, double, input=1)
        assert inspect.iscoroutine(waiting)
        return [
            await waiting,
            await pipeline(double, add_one, as_text, list, input=5),
            await pipeline(as_text, lambda x: as_text([x]), input=1),
        ]

    with Session():
        assert asyncio.run(main()) == [4, ["1", "1"], "['1']"]


@pytest.mark.parametrize("value", [(1, 2), {"a": 1}, None, [3]])
def test_the_input_is_not_unpacked(value: object) -> None:
    """A step gets one argument, whatever it is."""

    @task
    def same(x: object) -> object:
        return x

    with Session():
        assert pipeline(same, same, input=value) is value


def test_it_works_with_no_session_open() -> None:
    """The process-wide default session serves."""
    assert pipeline(add_one, add_one, input=1) == 3


@pytest.mark.parametrize(
    ("steps", "words"),
    [((), "at least one step"), ((add_one, 7), r"step 2 .* int"), ((add_one, [add_one]), r"step 2 .* list")],
    ids=["none", "a value", "a list"],
)
def test_steps_that_mean_nothing_are_refused(steps, words) -> None:
    """No step, or one that cannot be called, is an error before anything runs."""
    recorder = Recorder()
    with Session(recorder), pytest.raises(TypeError, match=words):
        pipeline(*steps, input=1)
    assert recorder.events == []


def test_a_step_that_was_called_already_is_refused_and_closed() -> None:
    """Nobody is warned of its coroutine: warnings are errors here."""
    with Session(), pytest.raises(TypeError, match="uncalled"):
        pipeline(double(1), input=1)


def test_a_coroutine_out_of_a_sync_pipeline_is_refused() -> None:
    """Where no step is known to be async, a coroutine cannot be awaited; it is closed, and the way out is told."""

    def hidden(x: int):
        return double(x)

    with Session(), pytest.raises(TypeError, match="async def"):
        pipeline(hidden, add_one, input=1)


@pytest.mark.parametrize(
    "steps", [(add_one, lambda x: -x, add_one), (double, lambda x: -x, double)], ids=["sync", "async"]
)
def test_the_failing_step_is_named_in_a_note(steps) -> None:
    """The task's own error leaves, saying which step it was, and the later steps do not run."""
    recorder = Recorder()

    async def main() -> object:
        waiting = pipeline(*steps, len, input=1)
        return await waiting if inspect.iscoroutine(waiting) else waiting

    with Session(recorder), pytest.raises(ValueError) as caught:
        asyncio.run(main())
    assert f"as step 3 of 4 of a pipeline: {steps[2].name}" in caught.value.__notes__
    (after,) = recorder.of("after_group")
    assert (after.details["outcome"].error, after.subject.failed) == (caught.value, 1)
    assert recorder.unbalanced() == []


@pytest.mark.parametrize("steps", [(add_one, add_one), (add_one, double)], ids=["sync", "async"])
def test_the_group_is_told_around_its_steps(steps) -> None:
    """Kind, size and value; calls carry the group and are children of the call around the pipeline."""
    recorder = Recorder()

    @task(name="outer")
    async def outer() -> object:
        waiting = pipeline(*steps, input=1)
        return await waiting if inspect.iscoroutine(waiting) else waiting

    with Session(recorder):
        value = asyncio.run(outer())
    (before,), (after,) = recorder.of("before_group"), recorder.of("after_group")
    group = before.subject
    assert (group.kind, group.size, group.calls) == ("pipeline", 2, 2)
    assert after.details["outcome"].value == value
    inner = [event.subject for event in recorder.of("before_execute")][1:]
    assert [(call.group, call.parent.task.name, call.map_index) for call in inner] == [
        (group, "outer", None)
    ] * 2


def test_the_bodies_of_sync_steps_run_in_threads_of_an_async_pipeline() -> None:
    """They do not stop the event loop."""
    import threading

    @task
    def where(x: object) -> bool:
        return threading.current_thread() is threading.main_thread()

    async def main() -> bool:
        return await pipeline(double, where, input=1)

    with Session():
        assert asyncio.run(main()) is False


def test_a_plain_step_sees_the_call_around_the_pipeline() -> None:
    """A function that is no task makes no call of its own."""
    seen = []

    class Counting:
        name = "counting"

        @hookimpl
        def before_execute(self, call) -> None:
            seen.append(call.task.name)

    @task(name="outer")
    def outer() -> str:
        return pipeline(lambda _: current_call().task.name, input=None)

    with Session(Counting()):
        assert outer() == "outer"
    assert seen == ["outer"]


def hidden(x: int):
    """Give a coroutine, which nobody can tell beforehand."""
    return double(x)


class Later:
    def __init__(self, value: int) -> None:
        self.value = value

    def __await__(self):
        yield from asyncio.sleep(0).__await__()
        return self.value


@pytest.mark.parametrize(
    ("steps", "value"),
    [
        ((add_one, add_one), 3),
        ((add_one, double), 4),
        ((double, double), 4),
        ((lambda x: x + 1, lambda x: x * 5), 10),
        ((add_one, count_up), [0, 1]),
        ((hidden, add_one), 3),
        ((lambda x: Later(x + 1), double), 4),
        ((functools.partial(double), add_one.acall), 3),
    ],
)
def test_it_has_one_form_that_is_always_awaited(steps, value) -> None:
    """Whatever the steps are, and whatever they return."""

    async def main() -> object:
        return await apipeline(*steps, input=1)

    with Session():
        assert asyncio.run(main()) == value


def test_the_awaited_form_runs_sync_bodies_in_threads() -> None:
    """The loop goes on meanwhile; group, notes and the error are those of `pipeline`."""
    here = threading.get_ident()
    recorder = Recorder()

    async def main() -> None:
        assert await apipeline(lambda _: threading.get_ident(), input=0) != here
        with pytest.raises(ValueError) as caught:
            await apipeline(double, add_one, input=-1)
        assert "as step 1 of 2 of a pipeline: double" in caught.value.__notes__

    with Session(recorder):
        asyncio.run(main())
    assert recorder.unbalanced() == []
    assert {each.subject.kind for each in recorder.of("before_group")} == {"pipeline"}


@pytest.mark.parametrize("steps", [(), (3,), (add_one, "no step")])
def test_the_awaited_form_refuses_what_is_no_step_at_once(steps) -> None:
    """Where it is written, and not where it is awaited."""
    with pytest.raises(TypeError, match="step"):
        apipeline(*steps, input=1)


@pytest.mark.parametrize("way", ["acall", "arun", "amap"])
def test_the_awaited_ways_of_a_task_are_seen_as_async(way) -> None:
    """So a pipeline of them is to be awaited."""
    step = getattr(add_one, way)
    made = pipeline(step, input=[1] if way == "amap" else 1)
    assert inspect.iscoroutine(made)
    value = asyncio.run(made)
    assert {"acall": 2, "amap": [2]}.get(way, 2) == (value.value if way == "arun" else value)


@pytest.mark.parametrize("step", [hidden, Later, task(hidden)])
def test_sync_steps_may_not_return_what_has_to_be_awaited(step) -> None:
    """Nothing would await it; it is told where it was."""
    with Session(), pytest.raises(MustBeAwaited, match="runs in sync code") as caught:
        pipeline(step, add_one, input=1)
    assert "as step 1 of 2" in caught.value.__notes__[-1]
