from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

import pegboard_schedule
from pegboard import Session, current_call, current_session, task
from pegboard.testing import FakeClock, Instruments, check_plugin
from pegboard_schedule import (
    At,
    Cron,
    Every,
    ScheduleError,
    Scheduling,
    Trigger,
    UnknownSchedule,
    When,
)


def test_it_has_the_manners_of_a_plugin():
    """Tasks of all kinds do the same with it as without, and no thread is left."""
    check_plugin(Scheduling)
    check_plugin(Scheduling, Every(60))


def test_it_exports_what_it_says():
    """Every public name is there."""
    assert all(hasattr(pegboard_schedule, name) for name in pegboard_schedule.__all__)


@pytest.mark.parametrize("when", [None, datetime(2020, 1, 1, tzinfo=UTC)], ids=["now", "past"])
def test_at_now_or_in_the_past_is_due_at_once_and_once(schedule, times, clock, when):
    """`At(None)` is due now; one that has run is gone."""
    schedule.add(times, At(when))
    assert [run.value for run in schedule.run_pending()] == [1]
    clock.advance(86_400)
    assert schedule.run_pending() == []
    assert schedule.scheduled() == []


def test_at_a_time_runs_then(schedule, times, clock, noon):
    """Not before."""
    schedule.add(times, At(noon + timedelta(seconds=10)))
    clock.advance(9)
    assert schedule.run_pending() == []
    clock.advance(1)
    (run,) = schedule.run_pending()
    assert (run.id, run.task, run.status, run.scheduled_at) == (
        "times",
        "times",
        "ok",
        noon + timedelta(seconds=10),
    )


def test_every_does_not_drift(schedule, times, clock):
    """Runs that begin late do not move those that follow."""
    schedule.add(times, Every(10))
    for seconds in (13, 9, 8, 10):
        clock.advance(seconds)
        schedule.run_pending()
    assert times.seen == [13, 22, 30, 40]


def test_a_task_brings_its_own_triggers(clock, times):
    """A trigger is an option; the schedule takes those of the tasks it is given, and adds what `add` is given."""
    own = times.with_options(Every(10), Cron("* * * * *"))
    with Session(Scheduling(own), clock, executor="inline", inherit=False) as session:
        assert [each.id for each in session[Scheduling].scheduled()] == ["times", "times#2"]
        with pytest.raises(ScheduleError, match="2 triggers"):
            session[Scheduling].add(own)
        assert session[Scheduling].add(times.with_options(Every(1))) == "times#3"


@pytest.mark.parametrize("executor", ["inline", "threads"])
def test_all_four_kinds_run_with_their_arguments(clock, executor):
    """Sync and async; a stream is read to its end."""

    @task
    def function(x, *, y):
        return x + y

    @task
    async def coroutine(x, *, y):
        return x + y

    @task
    def generator(x, *, y):
        yield from (x, y)

    @task
    async def async_generator(x, *, y):
        yield x
        yield y

    with Session(Scheduling(), clock, executor=executor, strict=True, inherit=False) as session:
        for each in (function, coroutine, generator, async_generator):
            session[Scheduling].add(each, At(None), args=(1,), kwargs={"y": 2})
        assert [run.value for run in session[Scheduling].run_pending()] == [3, 3, [1, 2], [1, 2]]


def test_a_method_runs_on_its_object(schedule):
    """Bound tasks are tasks."""

    class Shop:
        @task
        def close(self):
            return type(self).__name__

    schedule.add(Shop().close, At(None))
    assert [run.value for run in schedule.run_pending()] == ["Shop"]


def test_one_failing_job_does_not_stop_the_rest(schedule, times, clock, caplog):
    """It is logged, and runs again when it is next due."""

    @task
    def fails():
        raise LookupError

    schedule.add(fails, Every(1))
    schedule.add(times, Every(1))
    for _ in range(2):
        clock.advance(1)
        assert [run.status for run in schedule.run_pending()] == ["error", "ok"]
    assert [record.message for record in caplog.records] == [
        "a run of fails failed with LookupError; the schedule goes on"
    ] * 2


def test_the_log_shows_no_error_of_a_sensitive_task(schedule, caplog):
    """Only its type; and no value is in the repr of a run."""

    @task(sensitive=True)
    def fails():
        raise LookupError("canary")

    @task
    def tells():
        return "canary"

    schedule.add(fails, At(None))
    schedule.add(tells, At(None))
    assert "canary" not in repr(schedule.run_pending())
    assert "canary" not in caplog.text


def test_a_run_is_a_call_of_its_own(session, clock, times):
    """It has no parent, though it was scheduled and run in a call."""

    @task
    def parents():
        return current_call().parent

    @task
    def outer():
        session[Scheduling].add(parents, At(None))
        (run,) = session[Scheduling].run_pending()
        return run.value

    assert outer() is None


def test_each_fire_is_told_with_its_lateness(schedule, fires, clock, noon, times):
    """Once, in the call of the run, in seconds; calls that are not scheduled tell nothing."""
    schedule.add(times, Every(10), id="job")
    clock.advance(10)
    schedule.run_pending()
    clock.advance(34)
    schedule.run_pending()
    times()
    assert [(call.task.name, fire.id, fire.lateness, fire.missed) for call, fire in fires.seen] == [
        ("times", "job", 0.0, 0),
        ("times", "job", 4.0, 2),
    ]
    assert fires.seen[1][1].scheduled_at == noon + timedelta(seconds=40)


def test_lateness_and_missed_runs_are_measured(schedule, session, clock, times):
    """By task, with each run; a call that no schedule made is not among them."""
    instruments = Instruments()
    session.register(instruments)
    schedule.add(times, Every(10))
    for seconds in (12, 33):
        clock.advance(seconds)
        schedule.run_pending()
    times()
    by_task = {"pegboard_task_name": "times"}
    assert instruments.sizes("pegboard_schedule_lateness_seconds", **by_task) == [2, 5]
    assert instruments.value("pegboard_schedule_missed", **by_task) == 2


def test_a_schedule_has_missed_nothing_so_far(schedule, session, times):
    """The counter is 0 from when the task is scheduled, so that the first run that is dropped is a change."""
    instruments = Instruments()
    session.register(instruments)
    schedule.add(times, Every(10))
    assert instruments.value("pegboard_schedule_missed", pegboard_task_name="times") == 0


def test_jitter_delays_by_chance_and_is_not_lateness(clock, times, fires):
    """Within its bound, reproducibly; the grid stays where it is."""
    seen = []
    for _ in range(2):
        times.seen.clear()
        with Session(
            Scheduling(seed=1), FakeClock(clock.time()), fires, executor="inline", inherit=False
        ) as session:
            session[Scheduling].add(times, Every(60, jitter=30))
            for second in range(600):
                session.clock.advance(1)
                if session[Scheduling].run_pending():
                    seen.append(second + 1)
    half = len(seen) // 2
    assert seen[:half] == seen[half:]
    assert len({at % 60 for at in seen}) > 3
    assert all(at % 60 <= 31 for at in seen)
    assert all(fire.lateness <= 1 for _, fire in fires.seen)


def test_when_fires_on_the_change_to_true_once(schedule, times, clock):
    """Once for each change, however long it stays true."""
    answers = iter([False, True, True, True, False, True])
    schedule.add(times, When(lambda: next(answers), every=5))
    for _ in range(6):
        schedule.run_pending()
        clock.advance(5)
    assert times.seen == [5, 25]


def test_a_condition_is_asked_as_often_as_it_says(schedule, times, clock):
    """Not at each look."""
    asked = []
    schedule.add(times, When(lambda: asked.append(1), every=10))
    for _ in range(31):
        schedule.run_pending()
        clock.advance(1)
    assert len(asked) == 4


def test_a_condition_that_fails_is_asked_again(schedule, times, clock, caplog):
    """It counts as no answer, and is logged."""
    answers = iter([True, None, True])

    def condition():
        answer = next(answers)
        if answer is None:
            raise OSError
        return answer

    schedule.add(times, When(condition, every=1))
    for _ in range(3):
        schedule.run_pending()
        clock.advance(1)
    assert times.seen == [0]
    assert "OSError" in caplog.text


def test_removed_entries_do_not_run(schedule, times, clock):
    """And their id is free."""
    schedule.add(times, Every(1), id="a")
    schedule.remove("a")
    clock.advance(5)
    assert schedule.run_pending() == []
    assert schedule.add(times, Every(1), id="a") == "a"


def test_paused_entries_wait_and_make_nothing_up(schedule, times, clock):
    """After the pause they go on, on their grid."""
    schedule.add(times, Every(10))
    schedule.pause("times")
    clock.advance(35)
    assert schedule.run_pending() == []
    assert schedule.scheduled()[0].next is None
    schedule.resume("times")
    assert schedule.run_pending() == []
    clock.advance(5)
    schedule.run_pending()
    assert times.seen == [40]


def test_scheduled_lists_what_is_to_come(schedule, times, noon):
    """The next first, the paused last."""
    schedule.add(times, Every(20), id="b")
    schedule.add(times, Every(10), id="a")
    schedule.add(times, Every(5), id="c")
    schedule.pause("c")
    listed = schedule.scheduled()
    assert [each.id for each in listed] == ["a", "b", "c"]
    assert (listed[0].next, listed[0].task, listed[0].running) == (noon + timedelta(seconds=10), "times", 0)
    assert [each.paused for each in listed] == [False, False, True]


@pytest.mark.parametrize("method", ["remove", "pause", "resume"])
def test_an_unknown_id_is_an_error(schedule, method):
    """It says which."""
    with pytest.raises(UnknownSchedule) as caught:
        getattr(schedule, method)("nothing")
    assert caught.value.id == "nothing"


def test_what_cannot_be_scheduled_is_refused(schedule, times):
    """At `add`, not when it is due."""
    schedule.add(times, Every(1), id="a")
    for wrong, error in [
        (lambda: schedule.add(times, Every(1), id="a"), ScheduleError),
        (lambda: schedule.add(times), ScheduleError),
        (lambda: schedule.add(len, Every(1)), TypeError),
        (lambda: schedule.add(times, 60), TypeError),
        (lambda: schedule.add(times, 0), TypeError),
        (lambda: schedule.add(times, Every(1), args=(1,)), TypeError),
        (lambda: schedule.add(times, Every(1), kwargs={"x": 1}), TypeError),
        (lambda: Scheduling(times), ScheduleError),
        (lambda: Scheduling().scheduled(), ScheduleError),
    ]:
        with pytest.raises(error):
            wrong()
    assert [each.id for each in schedule.scheduled()] == ["a"]


def test_a_trigger_that_fails_stops_no_other(schedule, times, clock, caplog):
    """It is paused and logged."""

    class Broken(Trigger):
        def next(self, after):
            if after > datetime(2026, 3, 2, 12, 0, 0, tzinfo=UTC):
                raise OverflowError
            return after + timedelta(seconds=1)

    schedule.add(times, Broken(), id="broken")
    schedule.add(times, Every(1), id="fine")
    clock.advance(1)
    assert [run.id for run in schedule.run_pending()] == ["fine"]
    assert [each.id for each in schedule.scheduled() if each.paused] == ["broken"]
    assert "broken" in caplog.text


def test_entries_end_with_the_session(clock, times):
    """A second session of the instance has the tasks of the plugin, and not what was added in the first."""
    plugin = Scheduling(times.with_options(Every(10)))
    for _ in range(2):
        with Session(plugin, clock, executor="inline", inherit=False):
            plugin.add(times, Every(5), id="added")
            assert len(plugin.scheduled()) == 2
    with pytest.raises(ScheduleError, match="no open session"):
        plugin.scheduled()


def test_a_schedule_of_an_installed_session_leaves_it_installed(pegboard_isolated):
    """It runs its tasks there without entering it: leaving it where it was installed would end it."""
    session = Session(Scheduling()).install()
    ran = []
    session[Scheduling].add(task(lambda: ran.append(current_session()), name="job"), Every(0.001))
    while not session[Scheduling].run_pending():
        pass
    assert session.is_open
    assert ran[0] is session
    session.uninstall()
