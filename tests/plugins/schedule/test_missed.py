from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from pegboard import Session, task
from pegboard_schedule import At, Cron, Every, Scheduling


@pytest.mark.parametrize("trigger", [Every(60), Cron("* * * * *")], ids=["every", "cron"])
def test_a_pause_does_not_pile_up(schedule, times, clock, fires, trigger):
    """An hour of missed runs is one run, and the next is on the grid."""
    schedule.add(times, trigger)
    clock.advance(3_600)
    assert len(schedule.run_pending()) == 1
    assert schedule.run_pending() == []
    clock.advance(60)
    schedule.run_pending()
    assert times.seen == [3_600, 3_660]
    assert [fire.missed for _, fire in fires.seen] == [59, 0]


@pytest.mark.parametrize("trigger", [Every(60), Cron("* * * * *")], ids=["every", "cron"])
def test_a_clock_set_back_silences_nothing(schedule, times, clock, trigger):
    """An hour back, and the minutely job still runs once a minute."""
    schedule.add(times, trigger)
    for _ in range(3):
        clock.advance(60)
        schedule.run_pending()
    clock.advance(-3_600)
    assert schedule.run_pending() == []
    for _ in range(30):
        clock.advance(10)
        schedule.run_pending()
    assert times.seen[3:] == [-3_360, -3_300, -3_240, -3_180, -3_120]


def test_a_clock_set_back_runs_a_daily_job_no_second_time(schedule, times, clock):
    """Its time comes again and is left out; the next day it runs."""
    schedule.add(times, Cron("30 12 * * *"))
    clock.advance(1_900)
    schedule.run_pending()
    clock.advance(-3_600)
    for _ in range(26 * 6):
        schedule.run_pending()
        clock.advance(600)
    assert times.seen == [1_900, 88_300]


def test_a_clock_that_is_set_does_not_move_an_interval():
    """The wall clock alone goes an hour forward; an interval is of elapsed time."""
    clock = SplitClock()
    schedule, ran = clock.schedule(Every(60))
    clock.wall += 3_600
    schedule.run_pending()
    clock.pass_(59)
    assert schedule.run_pending() == []
    clock.pass_(1)
    assert len(schedule.run_pending()) == 1
    assert len(ran) == 1
    clock.session.__exit__(None, None, None)


class SplitClock:
    """A clock whose wall time can be set without time going by, and a session that uses it."""

    def __init__(self):
        self.wall, self.passed = 1_700_000_000.0, 0.0

    def time(self):
        return self.wall

    def monotonic(self):
        return self.passed

    def pass_(self, seconds):
        self.wall += seconds
        self.passed += seconds

    def schedule(self, trigger):
        ran = []
        self.session = Session(Scheduling(), executor="inline", inherit=False)
        self.session.__enter__()
        self.session.clock = self
        self.session[Scheduling].add(task(lambda: ran.append(1), name="job"), trigger)
        return self.session[Scheduling], ran


@pytest.mark.parametrize(
    ("misfire", "late", "runs"),
    [("once", 35, [30]), ("all", 35, [10, 20, 30]), ("skip", 32, [30]), ("skip", 35, []), ("once", 12, [10])],
)
def test_missed_runs_go_by_their_policy(schedule, times, clock, noon, misfire, late, runs):
    """One for all, each, or none that is later than the grace."""
    schedule.add(times, Every(10, misfire=misfire, grace=4))
    clock.advance(late)
    assert [(run.scheduled_at - noon).total_seconds() for run in schedule.run_pending()] == runs


def test_a_years_minutes_are_not_counted_one_by_one(schedule, times, clock, noon):
    """Also "all" makes up a thousand runs at most, and then goes on from now."""
    schedule.add(times, Every(60, misfire="all"))
    clock.advance(86_400 * 365)
    assert len(schedule.run_pending()) == 1_000
    assert schedule.scheduled()[0].next == noon + timedelta(days=365, seconds=60)


def test_a_late_single_run_may_be_dropped(schedule, times, clock, noon):
    """A reminder for a meeting that is over."""
    schedule.add(times, At(noon - timedelta(hours=1), misfire="skip"))
    assert schedule.run_pending() == []
    assert schedule.scheduled() == []


@pytest.fixture
def gated(clock):
    """A session on threads, and a job that begins when it is due and ends when it is let go."""
    begun, gate = threading.Semaphore(0), threading.Semaphore(0)

    @task(name="job")
    def job():
        begun.release()
        assert gate.acquire(timeout=10)

    with Session(Scheduling(), clock, executor="threads", inherit=False) as session:
        yield session[Scheduling], job, begun, gate
        for _ in range(10):
            gate.release()


def look(schedule):
    """Run what is pending without waiting for it."""
    parts = schedule._ready()
    return parts.launcher.launch(parts.agenda.take_due())


@pytest.mark.parametrize(
    ("overlap", "begun_at_once", "in_all"), [("skip", 1, 1), ("queue", 1, 2), ("allow", 3, 3)]
)
def test_a_run_that_is_due_while_the_last_goes_on(gated, clock, overlap, begun_at_once, in_all):
    """Dropped, made to wait (one at most), or begun beside it."""
    schedule, job, begun, gate = gated
    schedule.add(job, Every(10, overlap=overlap))
    runs = []
    for _ in range(3):
        clock.advance(10)
        runs += look(schedule)
    for _ in range(begun_at_once):
        assert begun.acquire(timeout=10)
    assert not begun.acquire(blocking=False)
    for _ in range(3):
        gate.release()
    assert len([going.over.result(timeout=10) for going in runs]) == in_all


def test_a_slow_job_does_not_hold_up_others(gated, times, clock):
    """Jobs run on the executor."""
    schedule, job, begun, _ = gated
    schedule.add(job, At(None))
    (slow,) = look(schedule)
    assert begun.acquire(timeout=10)
    schedule.add(times, At(None))
    assert [run.id for run in schedule.run_pending()] == ["times"]
    assert not slow.over.done()


def test_missed_runs_are_made_up_one_after_another(gated, clock):
    """`misfire="all"` drops none of them, and begins none beside another."""
    schedule, job, begun, gate = gated
    schedule.add(job, Every(10, misfire="all"))
    clock.advance(30)
    runs = look(schedule)
    for _ in range(3):
        assert begun.acquire(timeout=10)
        assert not begun.acquire(blocking=False)
        gate.release()
    assert [going.over.result(timeout=10).status for going in runs] == ["ok"] * 3


def test_runs_that_were_to_be_made_up_are_left_to_the_next_process(clock, tmp_path, times):
    """Those that have not begun when it stops, and only those."""
    begun, gate = threading.Event(), threading.Event()

    @task(name="job")
    def job():
        begun.set()
        assert gate.wait(10)

    plugin = Scheduling(path=tmp_path / "runs.db")
    with Session(plugin, clock, executor="threads", inherit=False):
        plugin.add(job, Every(10, misfire="all"), id="a")
        clock.advance(30)
        runs = look(plugin)
        assert begun.wait(10)
        draining = threading.Thread(target=plugin._ready().launcher.drain)
        draining.start()
        assert [going.over.result(timeout=10).status for going in runs[1:]] == ["cancelled"] * 2
        gate.set()
        draining.join(10)
    with Session(plugin, clock, executor="inline", inherit=False):
        plugin.add(times, Every(10, misfire="all"), id="a")
        assert len(plugin.run_pending()) == 2


@pytest.mark.parametrize(
    ("trigger", "days", "due"),
    [
        (Every(10, misfire="all"), 1, 8_640),
        (Every(60, misfire="all"), 400, 576_000),
        (Cron("* * * * *", misfire="all"), 400, 576_000),
        (Cron("0 0-23 * * *", "Europe/Berlin", misfire="all"), 400, 9_599),
        (Cron("0 * * * *", "Europe/Berlin", misfire="all"), 400, 9_600),
    ],
    ids=["every", "every, a year", "cron", "fixed", "elapsed"],
)
def test_what_is_too_much_to_be_made_up_is_counted_and_said(
    schedule, times, clock, fires, caplog, trigger, days, due
):
    """The thousand earliest are made up; the others are missed before the next one, in the fire, entry and log."""
    schedule.add(times, trigger)
    clock.advance(86_400 * days)
    assert len(schedule.run_pending()) == 1_000
    assert schedule.scheduled()[0].missed == due - 1_000
    assert f"{due - 1_000} are dropped" in caplog.text
    clock.advance(3_600)
    schedule.run_pending()
    told = [fire.missed for _, fire in fires.seen]
    assert told[:1_000] == [0] * 1_000
    assert told[1_000] == due - 1_000


@pytest.mark.parametrize("misfire", ["once", "skip"])
@pytest.mark.parametrize("trigger", [Every, Cron], ids=["every", "cron"])
def test_all_that_is_missed_is_counted_however_long_that_was(schedule, times, clock, misfire, trigger):
    """Nine years of minutes, in no time, and the run is the last that was due."""
    when = Every(60, misfire=misfire) if trigger is Every else Cron("* * * * *", misfire=misfire)
    start = clock.time()
    schedule.add(times, when)
    clock.advance(86_400 * 365 * 9 + 90)
    runs = schedule.run_pending()
    assert [run.scheduled_at.timestamp() - start for run in runs] == [86_400 * 365 * 9 + 60]
    (entry,) = schedule.scheduled()
    assert entry.last.timestamp() - start == 86_400 * 365 * 9 + 60


def test_a_trigger_of_ones_own_is_asked_a_thousand_times_at_most(schedule, times, clock):
    """Then it goes on from now; so many at least are counted."""
    from pegboard_schedule import Trigger

    class Own(Trigger):
        def next(self, after):
            return after + timedelta(seconds=1)

    schedule.add(times, Own())
    clock.advance(86_400)
    assert len(schedule.run_pending()) == 1
    assert schedule.run_pending() == []
    clock.advance(1)
    assert len(schedule.run_pending()) == 1


def test_missed_runs_are_counted_where_they_are_dropped(times, clock):
    """Not when the next one begins, which may be never."""
    from prometheus_client import CollectorRegistry

    from pegboard import Metrics

    registry = CollectorRegistry()
    with Session(Scheduling(), Metrics(registry), clock, executor="inline", inherit=False) as session:
        session[Scheduling].add(times, Every(10, misfire="skip", grace=1))
        clock.advance(35)
        assert session[Scheduling].run_pending() == []
        task(lambda: None)()
    labels = {"pegboard_task_name": "times"}
    assert registry.get_sample_value("pegboard_schedule_missed_total", labels) == 3


def dropped(caplog):
    return caplog.text.count("this run is dropped")


def test_a_streak_of_dropped_runs_is_said_once(gated, clock, caplog):
    """And the next streak again."""
    schedule, job, begun, gate = gated
    schedule.add(job, Every(10))
    for streak in (1, 2):
        (going,) = [run for _ in range(4) for run in (clock.advance(10), look(schedule))[1]]
        assert begun.acquire(timeout=10)
        assert dropped(caplog) == streak
        gate.release()
        assert going.over.result(timeout=10).status == "ok"


def test_a_queue_that_is_full_is_said_once(gated, clock, caplog):
    """It drops runs as well."""
    schedule, job, begun, gate = gated
    schedule.add(job, Every(10, overlap="queue"))
    for _ in range(6):
        clock.advance(10)
        look(schedule)
    assert begun.acquire(timeout=10)
    assert dropped(caplog) == 1
    gate.release()
    gate.release()


def test_a_streak_of_late_looks_is_said_once(schedule, times, clock, caplog):
    """A run at each look, and others missed before it, for as long as that goes on."""
    schedule.add(times, Every(10))
    for advance in (35, 35, 35, 10, 35):
        clock.advance(advance)
        schedule.run_pending()
    assert caplog.text.count("entries missed runs") == 2
