"""Replay: recorded steps do not run again."""

from __future__ import annotations

import asyncio
import threading

import pytest
from replaying import Crash, crashed, opened, rows

from pegboard import Cache, Fallback, Retry, Session, Timeout, current_call, hookimpl, task
from pegboard.testing import Recorder
from pegboard_durable import (
    Durability,
    Durable,
    InDoubt,
    JournalDiverged,
    NotInRun,
    NotRecordable,
    Status,
    probe,
    step,
)


class Replays:
    name = "replays"

    def __init__(self):
        self.keys = []

    @hookimpl(optionalhook=True)
    def on_replay(self, call, key):
        self.keys.append(key)


@pytest.fixture
def ran():
    return []


@pytest.fixture
def crash():
    """Whether the root leaves without an outcome after its steps."""
    return [True]


def make_root(ran, crash):
    @task(Durable())
    def one(number):
        ran.append(number)
        return number

    @task(Durable())
    def root():
        total = one(1) + one(2)
        if crash[0]:
            raise Crash
        return total + one(3)

    return root


def test_a_recorded_step_does_not_run_again(tmp_path, ran, crash) -> None:
    """A resumed run goes on where it was."""
    root = make_root(ran, crash)
    with opened(tmp_path) as durability:
        crashed(durability, root)
    crash[0] = False
    with opened(tmp_path) as durability:
        assert durability.resume("r").value == 6
    assert ran == [1, 2, 3]


def test_a_replayed_step_has_the_source_journal_and_no_attempt(tmp_path, ran, crash) -> None:
    """`before_execute` and `after_execute` are told, attempts are not, and `on_replay` once."""
    root, recorder, replays = make_root(ran, crash), Recorder(), Replays()
    with opened(tmp_path) as durability:
        crashed(durability, root)
    crash[0] = False
    with opened(tmp_path, recorder, replays, strict_session=True) as durability:
        durability.resume("r")
    ended = [each.details["outcome"] for each in recorder.of("after_execute") if each.task == "one"]
    assert [(each.source, each.attempts) for each in ended] == [("journal", 0), ("journal", 0), ("run", 1)]
    assert recorder.unbalanced() == []
    assert replays.keys == ["one#1", "one#2"]


def test_a_failed_step_fails_again_without_running(tmp_path, ran, crash) -> None:
    """With an error of the same class, arguments and notes."""

    @task(Durable())
    def broken():
        ran.append("broken")
        error = KeyError("a", 1)
        error.add_note("look here")
        raise error

    @task(Durable())
    def root():
        try:
            broken()
        except KeyError as error:
            if crash[0]:
                raise Crash from None
            return error.args, error.__notes__[0]

    with opened(tmp_path) as durability:
        crashed(durability, root)
    crash[0] = False
    with opened(tmp_path) as durability:
        assert durability.resume("r").value == (("a", 1), "look here")
    assert ran == ["broken"]


def test_a_cancelled_step_runs_again(tmp_path, ran) -> None:
    """A KeyboardInterrupt is no outcome."""

    @task(Durable())
    def slow():
        ran.append(1)
        if len(ran) == 1:
            raise KeyboardInterrupt
        return "done"

    @task(Durable())
    def root():
        return slow()

    with opened(tmp_path) as durability, pytest.raises(KeyboardInterrupt):
        durability.run(root, run_id="r")
    with opened(tmp_path) as durability:
        assert durability.get("r").status == Status.PENDING
        assert durability.resume("r").value == "done"


def test_a_replay_asks_neither_cache_nor_fallback_nor_retry(tmp_path, ran, crash) -> None:
    """The journal is outside of them all."""

    @task(Durable(), Cache(), Retry(2), Fallback(-1), Timeout(10))
    def one():
        ran.append(1)
        return 5

    @task(Durable())
    def root():
        value = one()
        if crash[0]:
            raise Crash
        return value

    with opened(tmp_path) as durability:
        crashed(durability, root)
    crash[0] = False
    with opened(tmp_path) as durability:
        assert durability.resume("r").value == 5
    assert ran == [1]


def test_without_durable_a_task_in_a_run_is_plain_code(tmp_path, crash, ran) -> None:
    """It runs again on replay, and its exception leaves as it is."""

    @task(Retry(1))
    def plain():
        ran.append("plain")
        return 1

    @task(Durable())
    def root():
        plain()
        if crash[0]:
            raise Crash
        return plain()

    with opened(tmp_path) as durability:
        crashed(durability, root)
        assert rows(tmp_path) == {}
        crash[0] = False
        durability.resume("r")
    assert ran == ["plain"] * 3


def test_a_default_makes_every_task_a_step(tmp_path, ran, crash) -> None:
    """`Session(defaults=[Durable()])`; runs of such tasks are found again by their modules."""

    @task
    def one(number):
        ran.append(number)
        return number

    @task
    def root():
        value = one(1)
        if crash[0]:
            raise Crash
        return value

    durability = Durability(f"sqlite:///{tmp_path / 'journal.db'}")
    with Session(durability, defaults=[Durable()]):
        crashed(durability, root)
        crash[0] = False
        assert durability.run(root, run_id="r").value == 1
    assert ran == [1]


def test_a_call_knows_its_run_its_step_and_its_key_for_others(tmp_path) -> None:
    """`current_call().state[Durability]`, in every attempt and resumed run the same."""
    seen = []

    @task(Durable(), Retry(1))
    def one():
        info = current_call().state[Durability]
        seen.append((info.run_id, info.step_key, info.idempotency_key))
        if len(seen) == 1:
            raise OSError
        raise Crash

    @task(Durable())
    def root():
        assert current_call().state[Durability].step_key == ""
        one()

    with opened(tmp_path) as durability:
        crashed(durability, root)
        with pytest.raises(Crash):
            durability.resume("r")
    assert len(seen) >= 3
    assert len(set(seen)) == 1
    assert seen[0][:2] == ("r", "one#1")


# Divergence.


def diverging(argument, crash, **options):
    ran = []

    @task(Durable(**options))
    def one(number):
        ran.append(number)
        return number

    @task(Durable())
    def root():
        value = one(argument[0])
        if crash[0]:
            raise Crash
        return value

    return root, ran


def test_other_arguments_are_a_divergence(tmp_path, crash) -> None:
    """The run wants a look, its step keeps its record, and nothing runs."""
    argument = [1]
    root, ran = diverging(argument, crash)
    with opened(tmp_path) as durability:
        crashed(durability, root)
        argument[0], crash[0] = 2, False
        run = durability.resume("r")
        assert run.status == Status.ATTENTION
        assert isinstance(run.error, JournalDiverged)
        assert (run.error.key, run.error.run_id) == ("one#1", "r")
        assert run.error.recorded != run.error.now
        argument[0] = 1
        assert durability.retry("r").value == 1
    assert ran == [1]


@pytest.mark.parametrize(("on_change", "value", "runs"), [("rerun", 2, [1, 2]), ("trust", 1, [1])])
def test_a_divergence_can_be_run_again_or_trusted(tmp_path, crash, on_change, value, runs) -> None:
    """`Durable(on_change=...)`."""
    argument = [1]
    root, ran = diverging(argument, crash, on_change=on_change)
    with opened(tmp_path) as durability:
        crashed(durability, root)
        argument[0], crash[0] = 2, False
        assert durability.resume("r").value == value
    assert ran == runs


def test_a_step_that_is_run_again_forgets_what_was_in_it(tmp_path, crash) -> None:
    """That belongs to the arguments that it had."""
    argument, ran = [1], []

    @task(Durable())
    def inner(number):
        ran.append(number)
        return number

    @task(Durable(on_change="rerun"))
    def outer(number):
        return inner(number)

    @task(Durable())
    def root():
        value = outer(argument[0])
        if crash[0]:
            raise Crash
        return value

    with opened(tmp_path) as durability:
        crashed(durability, root)
        argument[0], crash[0] = 2, False
        assert durability.resume("r").value == 2
    assert ran == [1, 2]


def test_arguments_that_cannot_be_recorded_are_not_compared(tmp_path, crash) -> None:
    """They are opaque: neither their `repr` nor their identity is looked at."""
    argument = [object()]

    @task(Durable())
    def one(given):
        return 1

    @task(Durable())
    def root():
        value = one(argument[0])
        if crash[0]:
            raise Crash
        return value

    with opened(tmp_path) as durability:
        crashed(durability, root)
        argument[0], crash[0] = object(), False
        assert durability.resume("r").value == 1


# Values.


def test_a_result_that_cannot_be_recorded_is_refused_before_the_body_where_the_annotation_says_so(
    tmp_path, ran
) -> None:
    """A lock is nothing to come back."""

    @task(Durable())
    def lock() -> list[threading.Thread]:
        ran.append(1)
        return []

    @task(Durable())
    def root():
        return len(lock())

    with opened(tmp_path) as durability:
        run = durability.run(root, run_id="r")
        assert isinstance(run.error, NotRecordable)
        assert run.error.type == "Thread"
        with pytest.raises(NotRecordable):
            lock()
    assert ran == []


def test_a_value_beyond_max_bytes_is_refused(tmp_path) -> None:
    """The way out is to keep it elsewhere."""

    @task(Durable(max_bytes=100))
    def large():
        return "x" * 101

    @task(Durable())
    def root():
        return large()

    with opened(tmp_path) as durability:
        run = durability.run(root, run_id="r")
    assert isinstance(run.error, NotRecordable)
    assert "max_bytes=100" in str(run.error)


# Effects.


def once(crash, **options):
    effects = []

    @task(Durable(effect="once", **options))
    def charge(amount):
        effects.append(amount)
        if crash[0]:
            raise Crash
        return "ref"

    @task(Durable())
    def root():
        return charge(7)

    return root, effects


def test_an_intent_without_an_outcome_is_in_doubt(tmp_path, crash) -> None:
    """Nobody knows whether it happened; the run wants a look."""
    root, effects = once(crash)
    with opened(tmp_path) as durability:
        crashed(durability, root)
        assert rows(tmp_path) == {"charge#1": ("step", "intent")}
        crash[0] = False
        run = durability.resume("r")
        assert (run.status, type(run.error), run.error.key) == (Status.ATTENTION, InDoubt, "charge#1")
        assert isinstance(durability.retry("r").error, InDoubt)
    assert effects == [7]


def test_a_doubt_may_be_run_again(tmp_path, crash) -> None:
    """`on_doubt="rerun"`."""
    root, effects = once(crash, on_doubt="rerun")
    with opened(tmp_path) as durability:
        crashed(durability, root)
        crash[0] = False
        assert durability.resume("r").value == "ref"
    assert effects == [7, 7]


@pytest.mark.parametrize("happened", [True, False])
def test_a_probe_decides_a_doubt(tmp_path, crash, happened) -> None:
    """It gets the step's arguments, and gives its value or a LookupError."""

    def find(amount):
        assert amount == 7
        if not happened:
            raise LookupError
        return "found"

    root, effects = once(crash, on_doubt=probe(find))
    with opened(tmp_path) as durability:
        crashed(durability, root)
        crash[0] = False
        assert durability.resume("r").value == ("found" if happened else "ref")
    assert effects == ([7] if happened else [7, 7])


def test_an_async_probe_is_awaited(tmp_path) -> None:
    """In a coroutine."""
    tries = []

    async def find():
        return "found"

    @task(Durable(effect="once", on_doubt=probe(find)))
    async def charge():
        tries.append(1)
        raise Crash

    @task(Durable())
    async def root():
        return await charge()

    with opened(tmp_path) as durability:
        crashed(durability, root)
        assert durability.resume("r").value == "found"


def test_each_attempt_of_an_effect_that_happens_once_has_its_own_intent(tmp_path) -> None:
    """A crash in the second attempt is a doubt, too; one in the wait before it is none."""
    tries = []

    @task(Durable(effect="once"), Retry(2))
    def charge():
        tries.append(1)
        if len(tries) == 1:
            raise OSError
        raise Crash

    @task(Durable())
    def root():
        charge()

    with opened(tmp_path) as durability:
        crashed(durability, root)
        assert rows(tmp_path)["charge#1"] == ("step", "intent")
        assert isinstance(durability.resume("r").error, InDoubt)
    assert len(tries) == 2


# Retries.


def test_a_resumed_step_goes_on_at_the_next_attempt(tmp_path) -> None:
    """A crash in the second of three tries leaves two, and the attempt has its number."""
    attempts = []

    @task(Durable(), Retry(2))
    def flaky():
        attempts.append(current_call().attempt)
        if len(attempts) == 2:
            raise Crash
        raise OSError("again")

    @task(Durable())
    def root():
        flaky()

    with opened(tmp_path) as durability:
        crashed(durability, root)
        run = durability.resume("r")
    assert attempts == [1, 2, 2, 3]
    assert isinstance(run.error, OSError)


def test_a_wait_before_the_next_attempt_is_not_waited_twice(tmp_path) -> None:
    """What is left of it by the clock is."""
    from pegboard.testing import FakeClock

    class Stopping(FakeClock):
        def sleep(self, seconds):
            self.advance(40)
            raise Crash

    attempts = []

    @task(Durable(), Retry(1, wait=100))
    def flaky():
        attempts.append(1)
        if len(attempts) == 1:
            raise OSError
        return "ok"

    @task(Durable())
    def root():
        return flaky()

    stopping = Stopping()
    with opened(tmp_path, stopping) as durability:
        crashed(durability, root)
    clock = FakeClock(stopping.time() + 20)
    with opened(tmp_path, clock) as durability:
        assert durability.resume("r").value == "ok"
    assert clock.sleeps == [40]


def test_the_attempts_of_the_root_are_counted_over_resumes(tmp_path) -> None:
    """`Retry(3)` is four runs in all; a crash does not count."""
    attempts, effects = [], []

    @task(Durable())
    def one(number):
        effects.append(number)
        return number

    @task(Durable(), Retry(3))
    def root():
        attempts.append(current_call().attempt)
        one(len(attempts) and 1)
        if len(attempts) == 2:
            raise Crash
        raise OSError

    with opened(tmp_path) as durability:
        crashed(durability, root)
        assert isinstance(durability.resume("r").error, OSError)
    assert attempts == [1, 2, 2, 3, 4]
    assert effects == [1]


def test_a_recorded_error_counts_only_in_the_attempt_that_recorded_it(tmp_path) -> None:
    """A later attempt of the root runs the step again; what is done it does not."""
    ran = []

    @task(Durable())
    def good():
        ran.append("good")

    @task(Durable())
    def bad():
        ran.append("bad")
        if ran.count("bad") < 3:
            raise OSError
        return "at last"

    @task(Durable(), Retry(3))
    def root():
        good()
        return bad()

    with opened(tmp_path) as durability:
        assert durability.run(root, run_id="r").value == "at last"
    assert ran == ["good", "bad", "bad", "bad"]


def test_an_error_in_a_step_counts_only_in_the_attempt_of_all_calls_around(tmp_path) -> None:
    """The step around it is in its first attempt again, and yet another one of the root."""
    ran = []

    @task(Durable())
    def inner():
        ran.append(1)
        if len(ran) < 3:
            raise OSError
        return "ok"

    @task(Durable())
    def outer():
        return inner()

    @task(Durable(), Retry(3))
    def root():
        return outer()

    with opened(tmp_path) as durability:
        assert durability.run(root, run_id="r").value == "ok"
    assert len(ran) == 3


def test_a_plain_task_that_holds_steps_goes_on_counting(tmp_path) -> None:
    """Its retries left are counted over resumes, though it is no step."""
    tries = []

    @task(Durable())
    def one():
        return 1

    @task(Retry(2))
    def plain():
        one()
        tries.append(current_call().attempt)
        if len(tries) == 2:
            raise Crash
        raise OSError

    @task(Durable())
    def root():
        plain()

    with opened(tmp_path) as durability:
        crashed(durability, root)
        assert isinstance(durability.resume("r").error, OSError)
    assert tries == [1, 2, 2, 3]


# Surroundings.


@pytest.mark.parametrize("what", ["body", "fallback"])
def test_a_step_after_the_end_of_its_run_is_refused(tmp_path, what) -> None:
    """What a run leaves behind is no step of it any more."""

    @task(Durable())
    def one():
        return 1

    begun, errors = threading.Event(), []
    context = []

    @task(Durable())
    def root():
        import contextvars

        context.append(contextvars.copy_context())

    def late():
        begun.set()
        try:
            one() if what == "body" else step("one", one)
        except NotInRun as error:
            errors.append(error)

    with opened(tmp_path) as durability:
        durability.run(root, run_id="r")
        thread = threading.Thread(target=context[0].run, args=(late,))
        thread.start()
        thread.join(10)
    assert len(errors) == 1


def test_a_run_that_failed_is_returned_again(tmp_path) -> None:
    """Under its id, with the same error."""

    @task(Durable())
    def root():
        raise KeyError("a")

    for _ in range(2):
        with opened(tmp_path) as durability:
            run = durability.run(root, run_id="r")
            assert (run.status, type(run.error), run.error.args) == (Status.FAILED, KeyError, ("a",))


def test_an_attempt_of_the_root_ends_when_its_steps_have_ended(tmp_path) -> None:
    """What `asyncio.gather` leaves to itself is recorded, and not run again beside it."""
    ran = []

    @task(Durable())
    async def slow():
        await asyncio.sleep(0.05)
        ran.append("slow")
        return 1

    @task(Durable())
    async def fails():
        ran.append("fails")
        if ran.count("fails") == 1:
            raise OSError
        return 2

    @task(Durable(), Retry(1))
    async def root():
        return await asyncio.gather(slow(), fails())

    with opened(tmp_path) as durability:
        assert durability.run(root, run_id="r").value == [1, 2]
    assert sorted(ran) == ["fails", "fails", "slow"]
