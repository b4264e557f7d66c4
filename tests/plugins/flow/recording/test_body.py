"""What the body of a flow may say besides calling tasks."""

from __future__ import annotations

import asyncio

import pytest

from pegboard import Session, task
from pegboard.testing import Recorder
from pegboard_flow import fan_out, flow, node

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


def result(value):
    """Await what is a coroutine."""
    return asyncio.run(value) if asyncio.iscoroutine(value) else value


@pytest.fixture(autouse=True)
def nothing_ran():
    """Forget what ran before."""
    ran.clear()


@pytest.mark.parametrize("make", [load, aload, stream])
@pytest.mark.parametrize("each", [double, adouble])
def test_fan_out_maps_over_what_a_task_gives(make, each) -> None:
    """The items are known only when the flow runs."""

    @flow
    def fan(day):
        items = make(day)
        return fan_out(each, fan_out(each, items)), fan_out(each, [])

    assert result(fan(1)) == ([4, 8], [])


def test_fan_out_takes_several_sources_and_settings() -> None:
    """Sources are zipped, placeholders and others; errors may be collected; the map is a group of its own."""
    recorder = Recorder()
    divide = task(lambda x, y: x // y, name="divide")

    @flow
    def fan():
        return fan_out(divide, load(4), [2, 0], on_error="collect", concurrency=1)

    with Session(recorder):
        first, second = fan()
    assert (first, type(second)) == (2, ZeroDivisionError)
    assert [event.subject.kind for event in recorder.of("before_group")] == ["graph", "map"]
    assert not recorder.unbalanced()


def test_fan_out_outside_of_a_flow_is_a_map() -> None:
    """A function that a flow calls may be called by itself."""
    assert fan_out(double, [1, 2]) == [2, 4]


def test_a_node_may_have_a_name_and_a_priority() -> None:
    """`node(...)` names it, and lets it go first among the ready ones."""
    order: list[int] = []
    note = task(lambda x: order.append(x) or x, name="note")

    @flow
    def ordered():
        return [node(note(x), name=f"n{x}", priority=x) for x in (2, 10, 1)], note(0)

    with Session(executor="inline"):
        assert ordered() == ([2, 10, 1], 0)
    assert order == [10, 2, 1, 0]
    assert [n["name"] for n in ordered.describe()["nodes"]] == ["n2", "n10", "n1", "note_4"]
