"""One entry can neither stop nor starve the others, whatever its trigger or condition does."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta

import pytest

from pegboard import Session, current_call, current_session, hookimpl, task
from pegboard.testing import FakeClock
from pegboard_schedule import Every, ScheduleError, Scheduling, Trigger, TriggerTimeout, When

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
EXITS = [SystemExit, KeyboardInterrupt, GeneratorExit, asyncio.CancelledError, RecursionError, ValueError]


class Faults:
    """Keeps what is told of entries at fault."""

    name = "faults"

    def __init__(self):
        self.told = []

    @hookimpl
    def on_schedule_error(self, session, fault):
        self.told.append(fault)


class Own(Trigger):
    """A trigger of the user's own: it is due after ten seconds, and then does what is asked of it."""

    def __init__(self, does):
        super().__init__()
        object.__setattr__(self, "does", does)
        object.__setattr__(self, "asked", [])

    def next(self, after):
        self.asked.append(after)
        return after + timedelta(seconds=10) if len(self.asked) == 1 else self.does(after)


@pytest.fixture
def faults():
    return Faults()


@pytest.fixture
def gate():
    """What hangs, and is let go at the end."""
    gate = threading.Event()
    yield gate
    gate.set()


@pytest.fixture(params=["inline", "threads"])
def schedule(request, clock, faults):
    """A schedule with little patience."""
    plugin = Scheduling(patience=0.2)
    with Session(plugin, faults, clock, executor=request.param, inherit=False):
        yield plugin


def raises(error):
    def does(*_):
        raise error

    return does


def ids(runs):
    return [run.id for run in runs]


@pytest.mark.parametrize(
    "does",
    [
        *(raises(error) for error in EXITS),
        lambda _: LONG_AGO,
        lambda after: after,
        lambda _: datetime(2100, 1, 1),  # noqa: DTZ001 - the mistake
        lambda _: "tomorrow",
        lambda _: 12.5,
    ],
    ids=[*(error.__name__ for error in EXITS), "the past", "the same", "naive", "text", "number"],
)
def test_a_trigger_that_fails_is_paused_and_told_and_the_others_go_on(schedule, faults, times, clock, does):
    """Whatever it raises or returns; resumed, it is asked again."""
    schedule.add(task(lambda: None, name="job"), Own(does), id="own")
    schedule.add(times, Every(10), id="other")
    for _ in range(3):
        clock.advance(10)
        assert ids(schedule.run_pending()) == ["other"]
    (fault,) = faults.told
    assert (fault.id, fault.task, fault.source, fault.paused) == ("own", "job", "trigger", True)
    assert [entry.id for entry in schedule.scheduled() if entry.paused] == ["own"]


def test_a_trigger_that_is_at_its_end_leaves(schedule, faults, times, clock):
    """None is no fault."""
    schedule.add(times, Own(lambda _: None), id="own")
    clock.advance(10)
    assert ids(schedule.run_pending()) == ["own"]
    assert (schedule.scheduled(), faults.told) == ([], [])


def test_a_trigger_that_never_answers_is_told_once_and_the_others_go_on(schedule, faults, times, clock, gate):
    """It keeps a thread, and is not asked a second time."""
    trigger = Own(lambda after: gate.wait() and after + timedelta(seconds=10))
    schedule.add(task(lambda: None, name="job"), trigger, id="own")
    schedule.add(times, Every(10), id="other")
    for _ in range(3):
        clock.advance(10)
        assert ids(schedule.run_pending()) == ["other"]
    (fault,) = faults.told
    assert isinstance(fault.error, TriggerTimeout)
    assert (fault.error.id, fault.error.seconds, len(trigger.asked)) == ("own", 0.2, 2)


@pytest.mark.parametrize("error", EXITS)
def test_a_condition_that_fails_is_told_and_counts_as_no_answer(
    schedule, faults, times, clock, error, caplog
):
    """Each time to observers, once in the log; and when it holds again, it has its run."""
    broken = [True]

    def condition():
        if broken:
            raise error
        return True

    schedule.add(times, When(condition, every=10), id="when")
    schedule.add(task(lambda: None, name="job"), Every(10), id="other")
    assert ids(schedule.run_pending()) == []
    clock.advance(10)
    assert ids(schedule.run_pending()) == ["other"]
    assert [(fault.id, fault.source, type(fault.error)) for fault in faults.told] == [
        ("when", "condition", error)
    ] * 2
    assert caplog.text.count("the condition of when failed") == 1
    broken.clear()
    clock.advance(10)
    assert sorted(ids(schedule.run_pending())) == ["other", "when"]
    assert times.seen == [20]


def test_a_condition_that_takes_long_has_its_run_when_it_answers(schedule, faults, times, clock, gate):
    """It is not asked again before, and the others do not wait."""
    asked = []
    schedule.add(times, When(lambda: asked.append(1) or gate.wait(), every=1), id="when")
    for _ in range(3):
        clock.advance(1)
        assert schedule.run_pending() == []
    assert (len(asked), [type(fault.error) for fault in faults.told]) == (1, [TriggerTimeout])
    gate.set()
    parts = schedule._ready()
    while not parts.asker._answered:
        pass
    assert ids(schedule.run_pending()) == ["when"]


def test_many_that_hang_leave_threads_to_those_that_do_not(clock, gate, times):
    """As each that is late counts no more."""
    plugin = Scheduling(patience=0.05)
    with Session(plugin, clock, executor="inline", inherit=False):
        for n in range(40):
            plugin.add(task(lambda: None, name="job"), When(gate.wait), id=f"hangs {n}")
        plugin.add(times, When(lambda: True), id="good")
        assert ids(plugin.run_pending()) == ["good"]
        gate.set()


def test_a_thread_of_the_schedule_goes_on_beside_what_hangs(gate):
    """With the system's clock, nobody waits for an answer at all."""
    plugin, beats = Scheduling(patience=30), threading.Semaphore(0)
    with Session(plugin, inherit=False):
        plugin.add(task(beats.release, name="beat"), Every(0.02))
        plugin.add(task(lambda: None, name="job"), When(gate.wait))
        plugin.add(task(lambda: None, name="other"), When(raises(SystemExit), every=0.02))
        plugin.start()
        for _ in range(20):
            assert beats.acquire(timeout=10)
        gate.set()


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, ValueError])
def test_a_run_that_exits_inline_does_not_end_the_schedules_thread(error):
    """It is that run which failed, and nobody would notice the end of the thread."""
    plugin, beats = Scheduling(), threading.Semaphore(0)
    with Session(plugin, executor="inline", inherit=False):
        plugin.add(task(raises(error), name="exits"), Every(0.02))
        plugin.add(task(beats.release, name="beat"), Every(0.02))
        plugin.start()
        for _ in range(20):
            assert beats.acquire(timeout=10)


def test_the_clock_may_be_set_while_a_trigger_hangs(schedule, times, clock, gate):
    """Also then it is asked aside."""
    trigger = Own(lambda after: gate.wait() and after + timedelta(seconds=10))
    schedule.add(task(lambda: None, name="job"), trigger, id="own")
    schedule.add(times, Every(10), id="other")
    clock.advance(-3_600)
    assert schedule.run_pending() == []
    clock.advance(10)
    assert ids(schedule.run_pending()) == ["other"]


def test_what_is_removed_or_paused_while_it_is_asked_does_not_run(schedule, times, clock, gate):
    """Its answer comes too late; resumed, it is asked again."""
    for name in ("removed", "paused"):
        schedule.add(times, When(gate.wait), id=name)
    assert schedule.run_pending() == []
    schedule.remove("removed")
    schedule.pause("paused")
    gate.set()
    while len(schedule._ready().asker._answered) < 2:
        pass
    assert schedule.run_pending() == []
    schedule.resume("paused")
    clock.advance(1)
    assert ids(schedule.run_pending()) == ["paused"]


def test_a_condition_runs_in_the_session_and_in_no_call(schedule, clock):
    """A task that it calls is a call of that session."""
    seen = []
    schedule.add(
        task(lambda: None, name="job"), When(lambda: seen.append((current_session(), current_call())))
    )
    schedule.run_pending()
    ((session, call),) = seen
    assert (session.clock is clock, call) == (True, None)


def test_what_a_trigger_answers_first_is_refused_where_it_is_added(schedule, times):
    """The one who adds it hears of it, and nothing is added."""

    class Naive(Trigger):
        def next(self, after):
            return datetime(2100, 1, 1)  # noqa: DTZ001 - the mistake

    with pytest.raises(ValueError, match="time zone"):
        schedule.add(times, Naive())
    assert schedule.scheduled() == []


@pytest.mark.parametrize(("patience", "error"), [(0, ValueError), (-1, ValueError), ("1", TypeError)])
def test_patience_is_some_seconds(patience, error):
    """Refused where it is written."""
    with pytest.raises(error, match="patience"):
        Scheduling(patience=patience)


def test_a_strict_session_raises_what_an_observer_of_faults_does(times):
    """As it does for every observer."""

    class Bad:
        name = "bad"

        @hookimpl
        def on_schedule_error(self, session, fault):
            raise LookupError

    with Session(Scheduling(), Bad(), FakeClock(), executor="inline", inherit=False, strict=True) as session:
        session[Scheduling].add(times, When(raises(ValueError)))
        with pytest.raises(LookupError):
            session[Scheduling].run_pending()


def test_a_time_that_is_not_later_tells_so():
    """With both, and the way out."""
    with pytest.raises(ScheduleError, match="strictly later"):
        Own(lambda _: LONG_AGO).passed(LONG_AGO, LONG_AGO + timedelta(days=1), 1)


def test_no_thread_is_left_at_the_end(schedule, times):
    """Those that asked end with the session."""
    schedule.add(times, When(lambda: True))
    assert ids(schedule.run_pending()) == ["times"]
    (session,) = schedule._sessions
    session.__exit__(None, None, None)
    assert "pegboard-schedule-ask" not in [thread.name for thread in threading.enumerate()]
    session.__enter__()


def test_a_thread_that_hangs_is_named_at_the_end(clock, times, gate, caplog):
    """It goes on until it has an answer, and keeps nobody waiting for longer than was agreed."""
    with Session(Scheduling(patience=0.05), clock, inherit=False) as session:
        session[Scheduling].add(times, When(gate.wait), id="hangs")
        session[Scheduling].run_pending()
    assert "hangs has not answered" in caplog.text


class Broken(Trigger):
    """A trigger that does what is asked of it from the first question on."""

    def __init__(self, does):
        super().__init__()
        object.__setattr__(self, "does", does)

    def next(self, after):
        return self.does(after)


@pytest.mark.parametrize("raised", EXITS)
def test_who_adds_an_entry_hears_what_its_trigger_raises(schedule, times, raised):
    """As an error that ends no program."""
    with pytest.raises(raised if issubclass(raised, Exception) else ScheduleError):
        schedule.add(times, Broken(raises(raised)))
    assert schedule.scheduled() == []


def test_who_adds_or_resumes_an_entry_waits_no_longer_than_was_agreed(schedule, times, clock, gate):
    """And the schedule goes on."""
    hangs = Broken(lambda after: gate.wait() and after + timedelta(seconds=10))
    with pytest.raises(TriggerTimeout):
        schedule.add(times, hangs)
    schedule.add(times, Own(lambda after: gate.wait() and after), id="own")
    schedule.pause("own")
    with pytest.raises(TriggerTimeout):
        schedule.resume("own")
    schedule.add(times, Every(10), id="other")
    clock.advance(10)
    assert ids(schedule.run_pending()) == ["other"]


@pytest.mark.parametrize("kind", ["raises", "hangs"])
def test_one_of_the_tasks_that_a_schedule_is_made_with_does_not_stop_the_others(
    clock, faults, times, gate, kind
):
    """It is paused and told of, and may be resumed."""
    broken = [True]

    def does(after):
        if broken and kind == "raises":
            raise LookupError
        if broken:
            gate.wait()
        return after + timedelta(seconds=10)

    bad = task(Broken(does), name="bad")(lambda: None)
    plugin = Scheduling(bad, times.with_options(Every(10)), patience=0.1)
    with Session(plugin, faults, clock, executor="inline", inherit=False):
        assert [(entry.id, entry.paused) for entry in plugin.scheduled()] == [("times", False), ("bad", True)]
        clock.advance(10)
        assert ids(plugin.run_pending()) == ["times"]
        assert [(fault.id, fault.paused) for fault in faults.told] == [("bad", True)]
        broken.clear()
        plugin.resume("bad")
        clock.advance(10)
        assert sorted(ids(plugin.run_pending())) == ["bad", "times"]
