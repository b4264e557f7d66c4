from __future__ import annotations

import sqlite3
from datetime import timedelta

import pytest

from pegboard import Session, task
from pegboard.testing import FakeClock
from pegboard_schedule import At, Cron, Every, ScheduleStoreError, Scheduling, When


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs.db"


@pytest.fixture
def process(path, clock, times):
    """Schedules `times` as a process of its own would, looks once at each of these seconds after noon, and ends."""
    start = clock.time()

    def process(trigger, *seconds):
        before = len(times.seen)
        clock.advance(start + seconds[0] - clock.time())
        with Session(Scheduling(path=path), clock, executor="inline", inherit=False) as session:
            session[Scheduling].add(times, trigger)
            for at in seconds:
                clock.advance(start + at - clock.time())
                session[Scheduling].run_pending()
        return times.seen[before:]

    return process


@pytest.mark.parametrize("trigger", [Every(100), Cron("*/2 * * * *")], ids=["every", "cron"])
def test_a_restart_repeats_no_run(process, trigger):
    """What has run is not due again."""
    assert process(trigger, 0, 125) == [125]
    assert process(trigger, 130) == []


@pytest.mark.parametrize("trigger", [Every(100), Cron("*/2 * * * *")], ids=["every", "cron"])
def test_a_restart_skips_no_run(process, trigger):
    """What came due between two processes is made up, also when the first ended before its first run."""
    assert process(trigger, 0, 50) == []
    assert process(trigger, 130) == [130]
    assert process(trigger, 500) == [500]


def test_a_grid_goes_on_after_a_restart(process):
    """Intervals are counted from the first process on: no drift."""
    process(Every(100), 0, 130)
    assert process(Every(100), 170, 199, 200, 210) == [200]


def test_a_single_run_is_single(process, noon):
    """Not one in each process; `At(None)` means now in each."""
    once = At(noon + timedelta(seconds=10))
    assert process(once, 0, 5) == []
    assert process(once, 20) == [20]
    assert process(once, 30) == []


def test_now_is_now_in_each_process(process):
    """`At(None)` has no time that could have been."""
    assert process(At(None), 0) == [0]
    assert process(At(None), 1) == [1]


def test_another_rule_begins_anew(process):
    """What the old rule left open is not due by the new one."""
    process(Cron("0 14 * * *"), 0)
    assert process(Cron("0 13 * * *"), 3_700) == []


def test_a_condition_that_stayed_true_fires_in_no_second_process(process):
    """The change to true, once."""
    trigger = When(lambda: True)
    assert process(trigger, 0) == [0]
    assert process(trigger, 10, 20) == []


def test_of_two_processes_one_runs(path, clock, times):
    """Whoever notes a run first has it."""
    plugins = [Scheduling(path=path), Scheduling(path=path)]
    with (
        Session(plugins[0], clock, executor="inline", inherit=False),
        Session(plugins[1], FakeClock(clock.time()), executor="inline", inherit=False) as other,
    ):
        for plugin in plugins:
            plugin.add(times, Every(10))
        clock.advance(10)
        other.clock.advance(10)
        assert [len(plugin.run_pending()) for plugin in plugins] == [1, 0]


def test_a_clock_that_was_ahead_does_not_silence_the_next_process(process):
    """The last run lies in the future, by far."""
    process(Every(60), 86_400, 86_460)
    assert process(Every(60), 0, 60) == [60]


def test_a_clock_set_back_goes_on_with_a_store(process):
    """Runs are noted though their times lie before the last."""
    assert process(Every(60), 0, 60, -3_600, -3_540, -3_480) == [60, -3_540, -3_480]


def test_the_file_is_the_owners(process, path):
    """0600, and no rows of what was removed."""
    process(Every(60), 0)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_removed_entry_is_forgotten(path, clock, times):
    """Added again, it begins anew."""
    with Session(Scheduling(path=path), clock, executor="inline", inherit=False) as session:
        session[Scheduling].add(times, Every(60))
        session[Scheduling].remove("times")
        clock.advance(90)
        session[Scheduling].add(times, Every(60), id="times")
        assert session[Scheduling].run_pending() == []
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT id FROM entries").fetchall() == [("times",)]
    connection.close()


@pytest.mark.parametrize("content", [b"no database at all, but a text", None], ids=["text", "folder"])
def test_a_file_of_another_kind_is_refused(path, clock, content):
    """It is not overwritten."""
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with Session(Scheduling(path=path), clock, inherit=False) as session:
        with pytest.raises(ScheduleStoreError) as caught:
            session[Scheduling].scheduled()
        assert caught.value.path == str(path)
    assert content is None or path.read_bytes() == content


def test_a_database_of_somebody_else_is_refused(path, clock):
    """And so is one of a later version."""
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE theirs (id)")
    connection.commit()
    connection.close()
    with Session(Scheduling(path=path), clock, inherit=False) as session, pytest.raises(ScheduleStoreError):
        session[Scheduling].scheduled()


def test_a_file_that_cannot_be_written_stops_no_run(path, clock, times, caplog):
    """The jobs matter more than the notes; it is logged, and `add` says so."""
    with Session(Scheduling(path=path), clock, executor="inline", inherit=False) as session:
        session[Scheduling].add(times, Every(10))
        connection = sqlite3.connect(path)
        connection.execute("DROP TABLE entries")
        connection.close()
        clock.advance(10)
        assert len(session[Scheduling].run_pending()) == 1
        assert "no such table" in caplog.text
        with pytest.raises(ScheduleStoreError):
            session[Scheduling].add(times, Every(10), id="other")


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_what_an_exit_kept_from_beginning_is_made_up_by_the_next_process(path, clock, times, error):
    """In the main thread it goes on its way, as it may be a signal; the runs after it are not lost."""

    @task(name="exits")
    def exits():
        raise error

    for begun in (True, False):
        with Session(Scheduling(path=path), clock, executor="inline", inherit=False) as session:
            session[Scheduling].add(exits, Every(1_000), id="exits")
            session[Scheduling].add(times, Every(1_000), id="times")
            if begun:
                clock.advance(1_000)
                with pytest.raises(error):
                    session[Scheduling].run_pending()
                assert times.seen == []
            else:
                assert [run.id for run in session[Scheduling].run_pending()] == ["times"]
