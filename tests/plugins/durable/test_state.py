"""What a run keeps by name."""

from __future__ import annotations

import asyncio

import pytest
from replaying import Crash, crashed, opened, rows

from pegboard import Retry, task
from pegboard_durable import Durable, NotRecordable, Status, state, step


@pytest.fixture
def crash():
    return [True]


def test_the_root_keeps_it_at_once(tmp_path, crash) -> None:
    """Under a key of its own, whatever comes after."""

    @task(Durable())
    def root():
        state["a"] = 1
        kept = rows(tmp_path)
        if crash[0]:
            raise Crash
        return kept, dict(state), len(state), state.get("b", 5)

    with opened(tmp_path) as durability:
        crashed(durability, root)
        crash[0] = False
        assert durability.resume("r").value == ({"@state#1": ("state", "ok")}, {"a": 1}, 1, 5)


def test_a_step_keeps_it_with_its_outcome(tmp_path, crash) -> None:
    """Not before; and a replay of the step has it again."""

    @task(Durable())
    def one():
        state["a"] = 1
        assert rows(tmp_path) == {}

    @task(Durable())
    def root():
        one()
        if crash[0]:
            raise Crash
        return state["a"]

    with opened(tmp_path) as durability:
        crashed(durability, root)
        assert set(rows(tmp_path)) == {"one#1", "one#1/@state#1"}
        crash[0] = False
        assert durability.resume("r").value == 1


def test_a_replay_reads_what_was_written_so_far(tmp_path, crash) -> None:
    """And not the last value of the run before."""
    seen = []

    @task(Durable())
    def put(value):
        state["a"] = value

    @task(Durable())
    def outer():
        put(1)

    @task(Durable())
    def root():
        outer()
        seen.append(state["a"])
        state["a"] = 2
        seen.append(state["a"])
        put(3)
        if crash[0]:
            raise Crash
        return seen[-2:], state["a"]

    with opened(tmp_path) as durability:
        crashed(durability, root)
        crash[0] = False
        assert durability.resume("r").value == ([1, 2], 3)


def test_what_is_read_is_a_copy(tmp_path) -> None:
    """To change it in place would be lost with the process."""

    @task(Durable())
    def root():
        state["a"] = given = [1]
        given.append(2)
        state["a"].append(3)
        return state["a"]

    with opened(tmp_path) as durability:
        assert durability.run(root, run_id="r").value == [1]


def test_an_attempt_writes_over_what_the_one_before_wrote(tmp_path, crash) -> None:
    """The last attempt is the one that counts, after a resume, too."""
    tries = []

    @task(Durable(), Retry(1))
    def one():
        tries.append(1)
        state["a"] = len(tries)
        if len(tries) == 1:
            raise OSError

    @task(Durable())
    def root():
        one()
        if crash[0]:
            raise Crash
        return state["a"]

    with opened(tmp_path) as durability:
        crashed(durability, root)
        crash[0] = False
        assert durability.resume("r").value == 2


def test_another_attempt_of_the_root_begins_with_nothing(tmp_path) -> None:
    """As one in another process does: what was written is read when it is written again."""
    seen = []

    @task(Durable(), Retry(1))
    def root():
        seen.append(state.get("a"))
        state["a"] = 1
        if len(seen) == 1:
            raise OSError

    with opened(tmp_path) as durability:
        durability.run(root, run_id="r")
    assert seen == [None, None]


@pytest.mark.parametrize(("name", "value", "error"), [("a", object(), NotRecordable), (1, 1, TypeError)])
def test_what_cannot_be_kept_is_refused(tmp_path, name, value, error) -> None:
    """Where it is written."""

    @task(Durable())
    def root():
        state[name] = value

    with opened(tmp_path) as durability:
        assert isinstance(durability.run(root, run_id="r").error, error)


def test_nothing_is_deleted(tmp_path) -> None:
    """The way out is None."""

    @task(Durable())
    def root():
        state["a"] = 1
        del state["a"]

    with opened(tmp_path) as durability:
        assert "write None" in str(durability.run(root, run_id="r").error)


def test_coroutines_never_await_it(tmp_path, crash) -> None:
    """It is the same there."""

    @task(Durable())
    async def one():
        await asyncio.sleep(0)
        state["a"] = 1

    @task(Durable())
    async def root():
        await one()
        state["b"] = 2
        if crash[0]:
            raise Crash
        return dict(state)

    with opened(tmp_path) as durability:
        crashed(durability, root)
        crash[0] = False
        run = durability.resume("r")
        assert (run.status, run.value) == (Status.DONE, {"a": 1, "b": 2})


def test_what_a_failed_step_kept_stays(tmp_path, crash) -> None:
    """It is committed with its error, and there again with that."""

    @task(Durable())
    def fails():
        state["a"] = 1
        raise OSError

    @task(Durable())
    def root():
        try:
            fails()
        except OSError:
            step("after", len, "")
        if crash[0]:
            raise Crash
        return state["a"]

    with opened(tmp_path) as durability:
        crashed(durability, root)
        crash[0] = False
        assert durability.resume("r").value == 1
