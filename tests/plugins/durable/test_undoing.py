"""Taking back what is done in a run that fails or is cancelled."""

from __future__ import annotations

import asyncio

import pytest
from replaying import Crash, crashed, opened, rows

from pegboard import Fallback, Retry, Undo, task
from pegboard_durable import (
    Durable,
    JournalUnavailable,
    RunCancelled,
    Status,
    UndoFailed,
    pause,
    step,
)


@pytest.fixture
def undone():
    return []


def saga(undone, fails_at=3, undo=None, **more):
    """Make a run of three bookings, of which one may fail."""

    def take_back(number):
        if undo is not None:
            undo(number)
        undone.append(number)

    @task(Durable(), Undo(take_back))
    def book(number):
        if number == fails_at:
            raise OSError(f"no {number}")
        return number

    @task(Durable())
    def root():
        for number in (1, 2, 3):
            book(number)
        if more.get("pauses"):
            pause("go")
        raise KeyError("after")

    return root


def test_what_is_done_is_taken_back_in_reverse(tmp_path, undone) -> None:
    """When the run fails; each as a step of its own."""
    with opened(tmp_path) as durability:
        run = durability.run(saga(undone, fails_at=None), run_id="r")
    assert (run.status, type(run.error)) == (Status.FAILED, KeyError)
    assert undone == [3, 2, 1]
    assert [rows(tmp_path)[f"book#{number}!undo"] for number in (1, 2, 3)] == [("undo", "ok")] * 3


def test_a_run_that_succeeds_takes_nothing_back(tmp_path, undone) -> None:
    """Nor one that is suspended."""

    @task(Durable(), Undo(undone.append))
    def book(number):
        return number

    @task(Durable())
    def root():
        book(1)
        return pause("go")

    with opened(tmp_path) as durability:
        assert durability.run(root, run_id="r").status == Status.SUSPENDED
        durability.signal("r", "go")
        assert durability.resume("r").status == Status.DONE
    assert undone == []


def test_a_run_that_was_cancelled_takes_back(tmp_path, undone) -> None:
    """Before it ends as cancelled."""
    found = []

    @task(Durable(), Undo(undone.append))
    def book(number):
        found[0].cancel("r")
        return number

    @task(Durable())
    def root():
        book(1)
        book(2)

    with opened(tmp_path) as durability:
        found.append(durability)
        assert durability.run(root, run_id="r").status == Status.CANCELLED
    assert undone == [1]


def test_a_suspended_run_that_is_cancelled_takes_back(tmp_path, undone) -> None:
    """Nobody works on it: whoever cancels does."""
    with opened(tmp_path) as durability:
        durability.run(saga(undone, fails_at=None, pauses=True), run_id="r")
    root = saga(undone, fails_at=None, pauses=True)
    with opened(tmp_path) as durability:
        assert durability.cancel("r").status == Status.CANCELLED
    assert undone == [3, 2, 1]
    assert root


def test_a_suspended_run_without_undos_is_cancelled_at_once(tmp_path) -> None:
    """Its code is not needed."""

    @task(Durable())
    def root():
        step("a", len, "")
        pause("go")

    with opened(tmp_path) as durability:
        durability.run(root, run_id="r")
        del root
        assert durability.cancel("r").status == Status.CANCELLED


def test_a_cancellation_cannot_be_eaten(tmp_path) -> None:
    """Whatever the code makes of it, the run is cancelled."""

    @task(Durable())
    def one():
        return 1

    @task(Durable())
    def root():
        one()
        found[0].cancel("r")
        try:
            one()
        except RunCancelled:
            return "eaten"

    found = []
    with opened(tmp_path) as durability:
        found.append(durability)
        assert durability.run(root, run_id="r").status == Status.CANCELLED


@pytest.mark.parametrize("crash_at", [1, 2, 3])
def test_a_run_that_was_killed_in_an_undo_goes_on_with_that(tmp_path, undone, crash_at) -> None:
    """At least once each, and in the same order; nothing else begins."""
    crash = [True]

    def undo(number):
        if number == crash_at and crash[0]:
            raise Crash

    root = saga(undone, fails_at=None, undo=undo)
    with opened(tmp_path) as durability:
        crashed(durability, root)
        crash[0] = False
        run = durability.resume("r")
    assert (run.status, type(run.error)) == (Status.FAILED, KeyError)
    assert undone == [3, 2, 1]


def test_what_would_succeed_by_now_is_undone_all_the_same(tmp_path, undone) -> None:
    """Once a run is being undone, nothing new begins, and it ends with the error that it was undone for."""
    crash, ran = [True], []

    def undo(number):
        if number == 1 and crash[0]:
            raise Crash

    @task(Durable(), Undo(lambda number: undo(number) or undone.append(number)))
    def book(number):
        return number

    @task(Durable())
    def root():
        book(1)
        book(2)
        if crash[0]:
            raise KeyError("plain")
        ran.append(1)
        return step("more", ran.append, 2)

    with opened(tmp_path) as durability:
        crashed(durability, root)
        crash[0] = False
        run = durability.resume("r")
    assert (run.status, run.error.args) == (Status.FAILED, ("plain",))
    assert undone == [2, 1]
    assert ran == [1]


def test_an_undo_that_fails_says_what_remains(tmp_path, undone) -> None:
    """The run is UNDO_FAILED, and a retry goes on undoing."""
    broken = [True]

    def undo(number):
        if number == 2 and broken[0]:
            raise OSError("gone")

    root = saga(undone, fails_at=None, undo=undo)
    with opened(tmp_path) as durability:
        run = durability.run(root, run_id="r")
        assert (run.status, type(run.error)) == (Status.UNDO_FAILED, UndoFailed)
        assert run.error.remaining == ("book#2", "book#1")
        broken[0] = False
        run = durability.retry("r")
    assert (run.status, type(run.error)) == (Status.FAILED, KeyError)
    assert undone == [3, 2, 1]


def test_a_direct_call_raises_the_error_that_it_was_undone_for(tmp_path, undone) -> None:
    """With a note on what its undo failed with."""

    def undo(number):
        raise OSError("gone")

    root = saga(undone, fails_at=None, undo=undo)
    with opened(tmp_path), pytest.raises(KeyError) as caught:
        root()
    assert any("its undo failed: OSError" in note for note in caught.value.__notes__)


def test_a_retry_of_a_run_that_was_undone_does_it_all_again(tmp_path, undone) -> None:
    """What was taken back is no longer done."""
    ran, broken = [], [True]

    @task(Durable(), Undo(undone.append))
    def book(number):
        ran.append(number)
        return number

    @task(Durable())
    def kept():
        ran.append("kept")

    @task(Durable())
    def root():
        kept()
        book(1)
        if broken[0]:
            raise OSError
        return "ok"

    with opened(tmp_path) as durability:
        durability.run(root, run_id="r")
        broken[0] = False
        assert durability.retry("r").value == "ok"
    assert ran == ["kept", 1, 1]
    assert undone == [1]


def test_steps_within_steps_are_taken_back_after_a_resume(tmp_path, undone) -> None:
    """Though the step around them does not run again there."""

    @task(Durable(), Undo(undone.append))
    def book(number):
        return number

    @task(Durable())
    def around():
        book(1)
        book(2)

    crash = [True]

    @task(Durable())
    def root():
        around()
        if crash[0]:
            raise Crash
        raise KeyError

    with opened(tmp_path) as durability:
        crashed(durability, root)
        crash[0] = False
        assert durability.resume("r").status == Status.FAILED
    assert undone == [2, 1]


def test_coroutines_are_taken_back_with_coroutines(tmp_path, undone) -> None:
    """In the event loop; functions in a thread."""

    async def aundo(number):
        await asyncio.sleep(0)
        undone.append(number)

    @task(Durable(), Undo(aundo))
    async def abook(number):
        return number

    @task(Durable(), Undo(undone.append))
    def book(number):
        return number

    @task(Durable())
    async def root():
        await abook(1)
        await book.acall(2)
        raise KeyError

    with opened(tmp_path) as durability:
        assert durability.run(root, run_id="r").status == Status.FAILED
    assert undone == [2, 1]


def test_steps_in_an_undo_are_recorded_below_it(tmp_path) -> None:
    """They may begin, though nothing else of the run may."""

    @task(Durable())
    def refund(number):
        return number

    @task(Durable(), Undo(refund))
    def book(number):
        return number

    @task(Durable())
    def root():
        book(1)
        raise KeyError

    with opened(tmp_path) as durability:
        durability.run(root, run_id="r")
    assert rows(tmp_path)["book#1!undo/refund#1"] == ("step", "ok")


def test_a_failure_that_is_handled_takes_nothing_back(tmp_path, undone) -> None:
    """The run did not fail."""

    @task(Durable(), Undo(undone.append))
    def book(number):
        return number

    @task(Durable(), Fallback("no"))
    def root():
        book(1)
        raise OSError

    with opened(tmp_path) as durability:
        assert durability.run(root, run_id="r").value == "no"
    assert undone == []


def test_attempts_of_the_root_are_not_undone_in_between(tmp_path, undone) -> None:
    """Only a run that failed is; what is done is replayed in the next attempt."""

    @task(Durable(), Undo(undone.append))
    def book(number):
        return number

    @task(Durable(), Retry(2))
    def root():
        book(1)
        raise OSError

    with opened(tmp_path) as durability:
        durability.run(root, run_id="r")
    assert undone == [1]


def test_a_fault_of_the_journal_takes_nothing_back(tmp_path, undone, monkeypatch) -> None:
    """The run goes on later: neither what is done nor what runs is undone, whatever the body makes of the fault."""

    @task(Durable(), Undo(undone.append))
    def book(number):
        return number

    @task(Durable(), Undo(lambda: undone.append("outer")))
    def outer():
        durability = found[0]
        broken = JournalUnavailable("the disk is full", journal="it")
        monkeypatch.setattr(durability._journal, "append", lambda *_: (_ for _ in ()).throw(broken))
        try:
            book(2)
        except JournalUnavailable:
            raise KeyError("mine") from None

    @task(Durable(), Undo(lambda: undone.append("root")))
    def root():
        book(1)
        outer()

    found = []
    with opened(tmp_path) as durability:
        found.append(durability)
        with pytest.raises(JournalUnavailable):
            durability.run(root, run_id="r")
        monkeypatch.undo()
        assert durability.get("r").status not in (Status.FAILED, Status.DONE)
    assert undone == []


@pytest.mark.parametrize("kind", ["graph", "sequence"])
def test_nodes_of_a_graph_and_steps_of_a_sequence_are_taken_back(tmp_path, undone, kind) -> None:
    """In a durable run they are steps, though they do not say so."""
    from pegboard import Graph, sequential

    def node(number):
        @task(Undo(lambda *_: undone.append(number)))
        def book(*_):
            if number == 4:
                raise OSError
            return number

        return book

    @task(Durable())
    def root():
        if kind == "graph":
            graph = Graph("trip", undo=True)
            for number in range(1, 6):
                graph.add_node(f"n{number}", node(number))
            for number in range(1, 5):
                graph.add_edge(f"n{number}", f"n{number + 1}")
            return graph.start_with("n1").end_with("n5")()
        flow = sequential(name="trip", undo=True)
        for number in range(1, 6):
            flow.add_task(node(number), step_name=f"n{number}")
        return flow.execute()

    with opened(tmp_path) as durability:
        assert durability.run(root, run_id="r").status == Status.FAILED
    assert undone[-3:] == [3, 2, 1]
    assert undone == [4, 3, 2, 1]  # the fourth is its own: it failed
    label = "graph:trip" if kind == "graph" else "workflow:trip"
    assert rows(tmp_path)[f"{label}[n1]/book#1"] == ("step", "ok")


def test_what_ends_beside_the_failure_is_taken_back_too(tmp_path, undone) -> None:
    """`asyncio.gather` leaves it to itself."""

    @task(Durable(), Undo(undone.append))
    async def slow(number):
        await asyncio.sleep(0.05)
        return number

    @task(Durable())
    async def fails():
        await asyncio.sleep(0)
        raise OSError

    @task(Durable())
    async def root():
        await asyncio.gather(slow(1), fails())

    with opened(tmp_path) as durability:
        run = durability.run(root, run_id="r")
    assert (run.status, type(run.error)) == (Status.FAILED, OSError)
    assert undone == [1]
