"""Loops that note what is done."""

from __future__ import annotations

import pytest
from replaying import Crash, crashed, opened, rows

from pegboard import task
from pegboard_durable import Durable, JournalDiverged, NotInRun, checkpointed, state, step, uuid4


class Line:
    def __init__(self, name):
        self.name = name


@pytest.fixture
def done():
    return []


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("stop", range(5))
def test_an_item_that_was_done_is_not_done_again(tmp_path, done, kind, stop) -> None:
    """A resumed run goes on with the one in which it was."""
    crash = [True]

    def body(item):
        done.append(item)
        if item == stop and crash[0]:
            raise Crash

    if kind == "sync":

        @task(Durable())
        def root():
            for item in checkpointed(range(5)):
                body(item)
    else:

        @task(Durable())
        async def root():
            async for item in checkpointed(range(5)):
                body(item)

    with opened(tmp_path) as durability:
        crashed(durability, root)
        crash[0] = False
        durability.resume("r")
    assert done == [*range(stop + 1), *range(stop, 5)]


@pytest.mark.parametrize(
    ("items", "key"),
    [
        ([Line("a"), Line("b")], "name"),
        ([{"id": "a"}, {"id": "b"}], "id"),
        (["a", "b"], lambda item: item),
        ([Line("a"), Line("b")], lambda item: item.name),
    ],
    ids=["attribute", "key", "function", "of objects"],
)
def test_items_are_told_apart_by_their_key(tmp_path, items, key) -> None:
    """An attribute, a key, or what a function says."""

    @task(Durable())
    def root():
        for _ in checkpointed(items, key=key):
            pass

    with opened(tmp_path) as durability:
        durability.run(root, run_id="r")
    assert set(rows(tmp_path)) == {"@checkpointed#1[a]", "@checkpointed#1[b]"}


def test_two_items_of_one_key_are_refused(tmp_path) -> None:
    """One of them would be skipped."""

    @task(Durable())
    def root():
        for _ in checkpointed([1, 2, 1], key=lambda item: item):
            pass

    with opened(tmp_path) as durability:
        error = durability.run(root, run_id="r").error
    assert isinstance(error, ValueError)
    assert len(rows(tmp_path)) == 2


def test_items_without_a_key_have_to_come_in_the_same_order(tmp_path) -> None:
    """Else it would be another item that is skipped."""
    items, crash = ["a", "b"], [True]

    @task(Durable())
    def root():
        for item in checkpointed(items):
            if item == "b" and crash[0]:
                raise Crash

    with opened(tmp_path) as durability:
        crashed(durability, root)
        items.reverse()
        crash[0] = False
        error = durability.resume("r").error
    assert isinstance(error, JournalDiverged)
    assert error.key == "@checkpointed#1[0]"


def test_what_an_item_did_is_below_it(tmp_path, done) -> None:
    """Skipped items shift neither steps nor values, and what they kept is there."""
    crash = [True]

    @task(Durable())
    def root():
        values = []
        for item in checkpointed(["a", "b", "c"]):
            values.append((item, step("ship", lambda item: done.append(item) or item, item), uuid4()))
            state["seen"] = state.get("seen", "") + item
            if item == "b" and crash[0]:
                raise Crash
        return state["seen"], step("ship", len, "")

    with opened(tmp_path) as durability:
        crashed(durability, root)
        crash[0] = False
        assert durability.resume("r").value == ("abc", 0)
    assert done == ["a", "b", "c"]
    assert {"@checkpointed#1[0]/ship#1", "@checkpointed#1[2]/ship#1", "ship#1"} <= set(rows(tmp_path))


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_after_a_break_what_comes_is_no_part_of_an_item(tmp_path, kind) -> None:
    """The loop is over, though it was not gone through."""
    if kind == "sync":

        @task(Durable())
        def root():
            for _ in checkpointed(range(3)):
                break
            return step("after", len, "")
    else:
        from pegboard_durable import astep

        @task(Durable())
        async def root():
            async for _ in checkpointed(range(3)):
                break
            return await astep("after", len, "")

    with opened(tmp_path) as durability:
        durability.run(root, run_id="r")
    assert "after#1" in rows(tmp_path)


def test_loops_in_loops(tmp_path, done) -> None:
    """An inner loop is below the outer one's item."""
    crash = [True]

    @task(Durable())
    def root():
        for outer in checkpointed("ab"):
            for inner in checkpointed("xy"):
                done.append(outer + inner)
                if outer + inner == "by" and crash[0]:
                    raise Crash

    with opened(tmp_path) as durability:
        crashed(durability, root)
        crash[0] = False
        durability.resume("r")
    assert done == ["ax", "ay", "bx", "by", "by"]
    assert "@checkpointed#1[1]/@checkpointed#1[0]" in rows(tmp_path)


def test_an_async_iterable_is_gone_through_in_a_coroutine(tmp_path, done) -> None:
    """With `async for`."""

    async def items():
        yield 1
        yield 2

    @task(Durable())
    async def root():
        async for item in checkpointed(items()):
            done.append(item)

    with opened(tmp_path) as durability:
        durability.run(root, run_id="r")
    assert done == [1, 2]


def test_for_in_a_coroutine_is_an_error_that_names_async_for(tmp_path) -> None:
    """Each item is a commit, and blocks."""

    @task(Durable())
    async def root():
        for _ in checkpointed([1]):
            pass

    with opened(tmp_path) as durability:
        error = durability.run(root, run_id="r").error
    assert isinstance(error, NotInRun)
    assert "async for" in str(error)


@pytest.mark.parametrize(("items", "key"), [(5, None), ([1], 5)])
def test_what_cannot_be_gone_through_is_refused(tmp_path, items, key) -> None:
    """Where it is written."""

    @task(Durable())
    def root():
        checkpointed(items, key=key)

    with opened(tmp_path) as durability:
        assert isinstance(durability.run(root, run_id="r").error, TypeError)
