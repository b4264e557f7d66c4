"""The session that records."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

from pegboard import Session, task
from pegboard import parallel as peg_parallel
from pegboard.testing import Recorder
from pegboard_flow import GraphError, PlaceholderError, fan_out, flow, node

ran: list[str] = []


@task
def load(day: int) -> list[int]:
    ran.append("load")
    return [day, day + 1]


@task
async def aload(day: int) -> list[int]:
    await asyncio.sleep(0)
    return [day, day + 1]


@task
def stream(day: int):
    yield from (day, day + 1)


@task
def double(x: int) -> int:
    return 2 * x


@task
async def adouble(x: int) -> int:
    return 2 * x


@task
def keep(*args: object, **kwargs: object) -> object:
    ran.append("keep")
    return args, kwargs


def result(value):
    """Await what is a coroutine."""
    return asyncio.run(value) if asyncio.iscoroutine(value) else value


@pytest.fixture(autouse=True)
def nothing_ran():
    """Forget what ran before."""
    ran.clear()


class Scale:
    def __init__(self, factor: int) -> None:
        self.factor = factor

    @task
    def times(self, x: int) -> int:
        return self.factor * x


@pytest.mark.parametrize("make", [load, aload, stream])
@pytest.mark.parametrize("each", [double, adouble, Scale(2).times], ids=["sync", "async", "bound"])
def test_a_map_over_a_placeholder_is_a_fan_out(make, each) -> None:
    """`task.map` in a body is a node, whose items are known only when the flow runs; nested and empty ones, too."""

    @flow
    def fan(day):
        return each.map(each.map(make(day))), each.amap([]), [each.map([day, x]) for x in (5, 6)]

    assert result(fan(1)) == ([4, 8], [], [[2, 10], [2, 12]])
    names = [each["name"] for each in fan.describe()["nodes"]]
    assert names[1:] == [f"map {each.name}", *(f"map {each.name}_{n}" for n in range(2, 6))]


def test_a_map_in_a_body_takes_sources_and_settings() -> None:
    """They are those of the map that runs, which is a group of its own."""
    recorder = Recorder()
    divide = task(lambda x, y: x // y, name="divide")

    @flow
    def fan():
        return divide.map(load(4), [2, 0], on_error="collect", concurrency=1), divide.map(
            load(4), [1], strict=True
        )

    with Session(recorder):
        told = flow(on_error="continue")(fan.__wrapped__).run()
    first, second = told.values["map divide"]
    assert (first, type(second)) == (2, ZeroDivisionError)
    assert type(told.errors["map divide_2"]) is ValueError
    assert {event.subject.kind for event in recorder.of("before_group")} == {"graph", "map"}


def test_acall_in_a_body_is_a_call() -> None:
    """`acall` and `amap` give placeholders, of methods as well, and may be awaited."""
    scale = Scale(3)

    @flow
    async def body(day):
        items = await load.acall(day)
        return await scale.times.acall(x=2), await double.amap(items)

    assert asyncio.run(body(1)) == (6, [2, 4])


def test_a_map_of_a_method_does_not_keep_its_object() -> None:
    """Whatever is kept from one run to the next, an object that a task is bound to is not."""
    scale = Scale(3)
    gone = weakref.ref(scale)

    def body(each):
        return each.times.map([1, 2])

    with Session(executor="inline"):
        assert flow(body)(scale) == [3, 6]
    del scale
    gc.collect()
    assert gone() is None


def test_tasks_are_ordinary_after_a_flow_was_recorded() -> None:
    """Recording leaves nothing behind on the tasks that it saw."""

    @flow
    def seen():
        return double(1)

    with Session():
        assert (double(4), seen(), double(4)) == (8, 2, 8)
    assert (double(4), seen(), double(4)) == (8, 2, 8)


@pytest.mark.parametrize(
    ("body", "error", "says"),
    [
        (lambda: load(1, 2), TypeError, r"load\(\) too many"),
        (lambda: load(date=1), TypeError, "unexpected keyword"),
        (lambda: load.submit(1), PlaceholderError, "more with task 'load' than to call it"),
        (lambda: load.run(1), PlaceholderError, r"task\.map"),
        (lambda: load.arun(1), PlaceholderError, "more with task 'load' than to call it"),
        (lambda: load.imap([1]), PlaceholderError, r"task\.map"),
        (lambda: load.aimap([1]), PlaceholderError, r"task\.map"),
        (lambda: peg_parallel(load), PlaceholderError, "run at the same time"),
        (lambda: load.map(on_error="collect"), TypeError, "at least one source"),
        (lambda: load.map([1], on_error="ignore"), ValueError, "on_error"),
        (lambda: load.amap([1], concurrency=True), ValueError, "concurrency"),
        (lambda: fan_out(double), TypeError, "at least one source"),
        (lambda: fan_out(double, [1], on_error="ignore"), ValueError, "on_error"),
        (lambda: fan_out(double, [1], concurrency=0), ValueError, "concurrency"),
        (lambda: node(5), GraphError, "sets up a task"),
        (lambda: [load(1), node(keep(2), name="load")], GraphError, "has a node 'load' already"),
        (lambda: node([load(1), load(2)][0], name="x"), GraphError, None),
    ],
)
def test_what_a_body_cannot_do_is_refused(body, error: type[Exception], says: str | None) -> None:
    """Where it is written, before any task has run, and in a drawing, too."""
    for record in (flow(body), flow(body).describe):
        with pytest.raises(error, match=says):
            record()
    assert ran == []
