"""The plugin in its sessions."""

from __future__ import annotations

import asyncio
import threading

import pytest

from pegboard import Durability, Durable, Session, task
from pegboard.errors import SessionError
from pegboard.testing import FakeClock
from pegboard_durable import RunNotResumable, Status, UnknownRun, pause


@task(Durable())
def order(x):
    return x


@task(Durable())
async def aorder(x):
    return x


@task(Durable())
def waits():
    return pause("go")


def plain(x):
    return x


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("lease", 0),
        ("lease", "30"),
        ("grace", -1),
        ("max_recoveries", 1.5),
        ("max_recoveries", -1),
        ("suspend_after", float("nan")),
        ("keep", -1),
        ("keep", True),
    ],
)
def test_a_number_that_is_none_is_refused(journal, option, value):
    """By its name."""
    with pytest.raises((TypeError, ValueError), match=option):
        Durability(journal, **{option: value})


def test_one_instance_serves_several_sessions(journal):
    """One after another, inside each other and side by side."""
    durability = Durability(journal)
    for number in range(2):
        with Session(durability):
            assert durability.run(order, number).value == number
    with Session(durability), Session():
        assert durability.run(order, 3).value == 3

    def in_a_thread():
        with Session(durability, inherit=False):
            values.append(durability.run(order, 4).value)

    values = []
    threads = [threading.Thread(target=in_a_thread) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert values == [4] * 4
    assert len(durability.runs()) == 7


def test_two_instances_may_keep_one_journal(journal):
    """In one process; each has its own connections, and sees the other's runs."""
    one, other = Durability(journal), Durability(journal)
    with Session(one):
        one.run(order, 1, run_id="a")
        with Session(other, inherit=False):
            assert other.run(order, 1, run_id="a").value == 1
            other.run(order, 2, run_id="b")
        assert {run.id for run in one.runs()} == {"a", "b"}


def test_no_thread_and_no_file_is_left_open(journal, tmp_path):
    """After the last session."""
    before = {thread.name for thread in threading.enumerate()}
    with Session(Durability(journal)) as session:
        session[Durability].run(aorder, 1)
        names = {thread.name for thread in threading.enumerate()} - before
        assert names == {"pegboard-durable-leases", "pegboard-durable-writer"}
    assert {thread.name for thread in threading.enumerate()} <= before
    assert [path.name for path in tmp_path.iterdir()] == ["journal.db"]


def test_what_asks_about_runs_needs_no_session(journal):
    """As on a command line."""
    durability = Durability(journal)
    with Session(durability):
        durability.run(waits, run_id="w")
    assert durability.get("w").status is Status.SUSPENDED
    assert durability.signal("w", "go", 1, id="s") is True
    assert durability.signal("w", "go", 1, id="s") is False
    assert [run.id for run in durability.runs("SUSPENDED")] == ["w"]
    assert durability.cancel("w").status is Status.CANCELLED
    assert durability.gc() == 1
    with pytest.raises(UnknownRun):
        durability.get("w")


def test_a_run_outside_of_its_session_is_an_error(journal):
    """It would be recorded elsewhere, or not at all."""
    durability = Durability(journal)
    for begin in (lambda: durability.run(order, 1), durability.recover):
        with pytest.raises(SessionError, match="outside of its session"):
            begin()
        with Session(), pytest.raises(SessionError, match="outside of its session"):
            begin()


@pytest.mark.parametrize(
    "other", [plain, task(plain), None, "order"], ids=["function", "task", "None", "name"]
)
def test_a_run_is_of_a_durable_task(journal, other):
    """Nothing else is called."""
    with Session(Durability(journal)) as session:
        with pytest.raises(TypeError, match=r"takes a task with Durable\(\)"):
            session[Durability].run(other, 1)
        assert session[Durability].runs() == []


def test_a_task_that_is_durable_by_the_session_may_be_run(journal):
    """With defaults=[Durable()]."""
    with Session(Durability(journal), defaults=[Durable()]) as session:
        assert session[Durability].run(task(plain), 1).value == 1


def test_the_async_twins_do_the_same(journal):
    """For tasks of both colours."""

    async def main():
        async with Session(Durability(journal)) as session:
            durability = session[Durability]
            assert (await durability.arun(order, 1, run_id="a")).value == 1
            assert (await durability.arun(aorder, 2, run_id="b")).value == 2
            assert (await durability.arun(waits, run_id="w")).status is Status.SUSPENDED
            assert await durability.asignal("w", "go", 3, id="s")
            assert [run.value for run in await durability.arecover()] == [3]
            assert (await durability.aresume("w")).value == 3
            assert (await durability.aget("a")).value == 1
            assert len(await durability.aruns("DONE")) == 3
            assert (await durability.acancel("a")).status is Status.DONE
            with pytest.raises(RunNotResumable, match="is DONE: only one that failed"):
                await durability.aretry("a")

    asyncio.run(main())


def test_what_failed_is_tried_again_and_what_was_done_is_kept(journal):
    """Under its id."""
    calls = []

    @task(Durable())
    def one(x):
        calls.append(x)
        if x == 2 and calls.count(2) == 1:
            raise OSError
        return x

    @task(Durable())
    def whole():
        return [one(x) for x in range(4)]

    with Session(Durability(journal)) as session:
        durability = session[Durability]
        assert isinstance(durability.run(whole, run_id="o").error, OSError)
        assert isinstance(durability.resume("o").error, OSError)
        assert durability.retry("o").value == [0, 1, 2, 3]
    assert calls == [0, 1, 2, 2, 3]


def test_what_is_over_is_kept_for_as_long_as_was_asked(journal):
    """And deleted where a session starts."""
    clock = FakeClock()
    with Session(clock, Durability(journal)) as session:
        session[Durability].run(order, 1, run_id="old")
        session[Durability].run(waits, run_id="open")
    clock.advance(100)
    with Session(clock, Durability(journal)) as session:
        session[Durability].run(order, 1, run_id="new")
    with Session(clock, Durability(journal, keep=50)) as session:
        assert [run.id for run in session[Durability].runs()] == ["open", "new"]
        assert session[Durability].gc(keep=10) == 0


def test_migrating_what_is_up_to_date_changes_nothing(journal):
    """It makes what is missing."""
    durability = Durability(journal)
    assert durability.migrate() == 1
    with Session(durability):
        durability.run(order, 1)
    assert durability.migrate() == 1
    assert len(durability.runs()) == 1
