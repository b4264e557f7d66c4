"""Items that wait for each other while they run."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from pegboard_queue import CyclicDependency, QueueError, State, TaskManager


def nothing() -> str:
    return ""


def waiter(items: dict, gate: threading.Event, name: str, kind: str, timeout: float | None = None):
    """Make a function or a coroutine that waits for an item by its name."""

    def wait() -> object:
        assert gate.wait(10)
        return items[name].wait(timeout)

    async def await_() -> object:
        await asyncio.to_thread(gate.wait, 10)
        return await items[name]

    return wait if kind == "function" else await_


@pytest.mark.parametrize("kind", ["function", "coroutine"])
@pytest.mark.parametrize("count", [2, 3, 5])
def test_a_wait_that_closes_a_circle_is_refused(session, kind, count) -> None:
    """One of them gets the error, and the others what became of it; however many there are."""
    items: dict = {}
    gate = threading.Event()
    with TaskManager(count) as manager:
        for number in range(count):
            items[number] = manager.submit(waiter(items, gate, (number + 1) % count, kind))
        gate.set()
        for item in items.values():
            with pytest.raises(QueueError, match="would wait for ever"):
                item.wait(10)


def test_a_circle_through_a_dependency_is_refused(session) -> None:
    """One waits for an item that depends on another that waits for it."""
    items: dict = {}
    gate = threading.Event()
    with TaskManager(2) as manager:
        items["one"] = manager.submit(waiter(items, gate, "three", "function"))
        items["two"] = manager.submit(waiter(items, gate, "one", "function"))
        items["three"] = manager.submit(nothing, depends_on=[items["two"]])
        gate.set()
        with pytest.raises(QueueError) as caught:
            items["one"].wait(10)
    refused = caught.value.__cause__ or caught.value  # where "two" was the last, "three" was skipped
    assert "would wait for ever" in str(refused)


def test_a_dependency_on_an_item_that_waits_for_this_one_is_refused(session, gate) -> None:
    """It would close a circle as well."""
    items: dict = {}
    with TaskManager(3) as manager:
        first = manager.submit(gate)
        items["last"] = manager.submit(nothing, depends_on=[first], name="last")
        waiting = manager.submit(waiter(items, gate.running, "last", "function"), name="waiting")
        until_waiting(waiting)
        with pytest.raises(CyclicDependency) as caught:
            items["last"].add_dependency(waiting)
        gate.open.set()
        assert waiting.wait(10) == ""
    assert caught.value.path == ("last", "waiting", "last")


def until_waiting(item) -> None:
    """Return once an item waits for another one, which nobody is told of."""
    end = time.monotonic() + 10
    while not item._record.awaited:
        assert time.monotonic() < end
        time.sleep(0.002)


def test_a_wait_with_a_timeout_closes_no_circle(session) -> None:
    """It ends by itself, and the other one then gets its value."""
    items: dict = {}
    gate = threading.Event()

    def patient() -> str:
        try:
            waiter(items, gate, "other", "function", timeout=0.05)()
        except TimeoutError:
            return "went on"
        return ""

    with TaskManager(2) as manager:
        items["patient"] = manager.submit(patient)
        items["other"] = manager.submit(waiter(items, gate, "patient", "function"))
        while items["other"].state is not State.RUNNING:
            time.sleep(0.002)
        gate.set()
        assert items["other"].wait(10) == "went on"


def test_an_item_that_another_one_runs_while_it_waits_cannot_wait_for_that_one(session) -> None:
    """Whatever timeout that one waits with: it goes on only after it."""
    items: dict = {}

    def patient() -> object:
        return items["other"].wait(0.05)

    def other() -> object:
        return items["patient"].wait()

    with TaskManager(1) as manager:
        manager.pause()
        items["patient"] = manager.submit(patient, priority=1)
        items["other"] = manager.submit(other)
        manager.resume()
        for item in items.values():
            with pytest.raises(QueueError, match="would wait for ever"):
                item.wait(10)


def test_items_may_wait_for_one_that_waits_for_none(session) -> None:
    """Two that wait for the same are no circle, and neither is one after the other."""
    items: dict = {}
    gate = threading.Event()
    with TaskManager(3) as manager:
        items["last"] = manager.submit(nothing)
        items["middle"] = manager.submit(waiter(items, gate, "last", "function"))
        first = [manager.submit(waiter(items, gate, "middle", kind)) for kind in ("function", "coroutine")]
        gate.set()
        assert [item.wait(10) for item in first] == ["", ""]


def test_an_item_runs_what_it_waits_for_in_another_manager(session) -> None:
    """That one has no slot left for it: both hold one and wait."""
    with TaskManager(1) as one, TaskManager(1) as two:

        def outer() -> str:
            return two.submit(inner).wait(10)

        def inner() -> str:
            return one.submit(lambda: "through").wait(10)

        assert one.submit(outer).wait(10) == "through"
