"""Whether an edited program still does what was recorded."""

from __future__ import annotations

import asyncio

import pytest
from replaying import crashed, opened, rows
from test_layer_editing import program

from pegboard import Undo, task
from pegboard_durable import (
    Durable,
    InRun,
    JournalDiverged,
    Status,
    UnknownRun,
    apause,
    now,
    pause,
    state,
    step,
)

FOUND = {
    # variant: key of a divergence, orphans, edited steps
    "as it was": (None, (), ()),
    "swapped": (None, (), ()),
    "changed argument": ("b#1", (), ()),
    "removed": (None, ("b#1",), ()),
    "added": (None, ("b#1",), ()),  # the new step stands before it, and nothing behind it is looked at
    "edited body": (None, (), ("b#1",)),
}


@pytest.mark.parametrize("variant", FOUND)
def test_a_replay_finds_what_was_edited(tmp_path, variant) -> None:
    """No step runs, and nothing is written."""
    key, orphans, changed = FOUND[variant]
    ran = []
    root = program("crashes", ran)
    with opened(tmp_path) as durability:
        crashed(durability, root)
    before = rows(tmp_path)
    ran.clear()
    root = program(variant, ran)
    with opened(tmp_path) as durability:
        found = durability.replay("r")
        assert (None if found.diverged is None else found.diverged.key) == key
        assert variant == "added" or (found.orphans == orphans and found.ok is not bool(key or orphans))
        assert found.changed == changed
        assert not found.is_complete
        if key or (orphans and variant != "added"):
            with pytest.raises(JournalDiverged):
                durability.replay("r", check=True)
        assert durability.get("r").status == Status.PENDING
    assert ran == []
    assert rows(tmp_path) == before


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_replay_of_a_run_that_is_over_comes_to_its_end(tmp_path, kind) -> None:
    """And changes nothing, whatever is in it."""
    undone = []

    @task(Durable(), Undo(undone.append))
    def book(number):
        return number

    if kind == "sync":

        @task(Durable())
        def root():
            book(1)
            state["at"] = now()
            step("a", len, "")
            return pause("go")
    else:

        @task(Durable())
        async def root():
            await book.acall(1)
            state["at"] = now()
            return await apause("go")

    with opened(tmp_path) as durability:
        durability.run(root, run_id="r")
        found = durability.replay("r", check=True)
        assert (found.ok, found.is_complete) == (True, False)
        durability.signal("r", "go")
        assert durability.replay("r", check=True).is_complete is False
        assert durability.resume("r").status == Status.DONE
        found = durability.replay("r", check=True)
        assert (found.ok, found.is_complete, found.error) == (True, True, None)
    assert undone == []


def test_a_replay_of_a_run_that_failed_fails_and_takes_nothing_back_again(tmp_path) -> None:
    """Its error is told."""
    undone = []

    @task(Durable(), Undo(undone.append))
    def book(number):
        return number

    @task(Durable())
    def root():
        book(1)
        raise KeyError("no")

    with opened(tmp_path) as durability:
        durability.run(root, run_id="r")
        found = durability.replay("r", check=True)
        assert (found.is_complete, type(found.error)) == (True, KeyError)
        assert durability.get("r").status == Status.FAILED
    assert undone == [1]


def test_a_replay_awaited(tmp_path) -> None:
    """In an event loop."""

    @task(Durable())
    async def root():
        return 1

    async def main(durability):
        await durability.arun(root, run_id="r")
        return await durability.areplay("r", check=True)

    with opened(tmp_path) as durability:
        assert asyncio.run(main(durability)).is_complete


def test_a_replay_of_nothing_is_an_error(tmp_path) -> None:
    """As is one in a run."""

    @task(Durable())
    def root():
        durability.replay("r")

    with opened(tmp_path) as durability:
        with pytest.raises(UnknownRun):
            durability.replay("r")
        assert isinstance(durability.run(root, run_id="s").error, (InRun, UnknownRun))
