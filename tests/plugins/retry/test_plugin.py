"""Running again: how often, for which errors, in all kinds of task."""

from __future__ import annotations

import asyncio
import traceback

import pytest

from pegboard import ConfigError, MissingPlugin, Retry, Retrying, Session, current_call, task
from pegboard.testing import FakeClock, Recorder, check_plugin

both = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])


def failing(is_async: bool, times: int, error: Exception, *options: Retry):
    """Make a task that fails so many times, and then returns the number of its attempt."""
    runs = []

    def body() -> int:
        runs.append(current_call().attempt)
        if len(runs) <= times:
            raise error
        return runs[-1]

    async def abody() -> int:
        await asyncio.sleep(0)
        return body()

    return task(*options)(abody if is_async else body), runs


def test_the_plugin_has_its_manners() -> None:
    """What Pegboard promises of every plugin holds for this one."""
    check_plugin(Retrying, Retry(1))


@both
@pytest.mark.parametrize("retries", [0, 1, 3])
def test_retries_are_extra_runs(is_async: bool, retries: int) -> None:
    """`Retry(n)` runs n + 1 times at most, attempts counted from 1."""
    probe, runs = failing(is_async, 99, OSError("x"), Retry(retries))
    with Session():
        result = probe.run()
    assert isinstance(result.error, OSError)
    assert runs == list(range(1, retries + 2))
    assert result.attempts == retries + 1


@both
def test_success_ends_the_trying(is_async: bool) -> None:
    """Two failures, then a value: three attempts, two retries, no error told."""
    probe, runs = failing(is_async, 2, OSError("x"), Retry(5, wait=0.5))
    recorder, clock = Recorder(), FakeClock()
    with Session(recorder, clock):
        assert probe.run().unwrap() == 3
    assert runs == [1, 2, 3]
    assert recorder.log() == [
        "before_execute",
        "before_attempt 1",
        "after_attempt 1 OSError",
        "on_retry 1 OSError 0.5",
        "before_attempt 2",
        "after_attempt 2 OSError",
        "on_retry 2 OSError 0.5",
        "before_attempt 3",
        "after_attempt 3",
        "after_execute ok/run 3",
    ]


@both
@pytest.mark.parametrize(
    ("option", "runs"),
    [
        (Retry(2, on=OSError), 1),
        (Retry(2, on=(OSError, LookupError)), 3),
        (Retry(2, unless=LookupError), 1),
        (Retry(2, unless=KeyError), 3),
        (Retry(2, on=lambda error: "again" in str(error)), 3),
        (Retry(2, on=lambda error: "never" in str(error)), 1),
        (Retry(2, on=LookupError, unless=lambda error: "again" in str(error)), 1),
    ],
    ids=["not listed", "listed", "excluded", "not excluded", "predicate", "predicate not", "both"],
)
def test_only_the_errors_asked_for_are_retried(is_async: bool, option: Retry, runs: int) -> None:
    """`on` and `unless` take classes and functions of the error."""
    probe, ran = failing(is_async, 99, LookupError("again"), option)
    with Session():
        probe.run()
    assert len(ran) == runs


@both
def test_wrong_arguments_are_not_retried(is_async: bool) -> None:
    """A call that does not fit the signature uses up no attempt."""
    probe, runs = failing(is_async, 0, OSError("x"), Retry(3))
    recorder = Recorder()
    with Session(recorder):
        result = probe.run("too", "many")
    assert isinstance(result.error, TypeError)
    assert (runs, result.attempts, recorder.of("on_retry")) == ([], 0, [])


@both
@pytest.mark.parametrize(
    ("option", "runs"), [(Retry(2), 1), (Retry(2, on=MissingPlugin), 3)], ids=["default", "named"]
)
def test_an_error_that_trying_again_cannot_mend_is_left_alone(
    is_async: bool, option: Retry, runs: int
) -> None:
    """Pegboard's own errors are retried only where they say so, or where `on` names them."""
    probe, ran = failing(is_async, 99, MissingPlugin("x", plugin="x"), option)
    with Session():
        assert isinstance(probe.run().error, MissingPlugin)
    assert len(ran) == runs


def test_an_error_has_no_trace_of_the_ones_before_it() -> None:
    """The last failure leaves as it was raised: without the earlier ones as its context."""
    errors = [OSError("first"), OSError("second")]

    @task(Retry(1))
    def work() -> None:
        raise errors[current_call().attempt - 1]

    with Session():
        error = work.run().error
    assert error is errors[1]
    assert error.__context__ is None
    assert "first" not in "".join(traceback.format_exception(error))


def test_the_wait_of_an_async_task_can_be_cancelled() -> None:
    """Cancelling during the wait ends the call at once, without another run."""
    runs = []

    async def main() -> None:
        begun = asyncio.Event()

        @task(Retry(3, wait=3600))
        async def always() -> None:
            runs.append(current_call().attempt)
            begun.set()
            raise OSError("x")

        with Session():
            waiting = asyncio.ensure_future(always())
            await begun.wait()
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting

    asyncio.run(main())
    assert runs == [1]


def test_defaults_retry_every_task_that_does_not_say_otherwise() -> None:
    """`Session(defaults=[Retry(2)])` serves tasks without a Retry of their own."""
    plain, plain_runs = failing(False, 99, OSError("x"))
    own, own_runs = failing(False, 99, OSError("x"), Retry(0))
    with Session(defaults=[Retry(2)]):
        plain.run()
        own.run()
    assert (len(plain_runs), len(own_runs)) == (3, 1)


def test_the_option_brings_its_plugin_and_costs_others_nothing() -> None:
    """A session needs no `Retrying()`; a task without the option gets no layer."""
    probe, _ = failing(False, 0, OSError("x"), Retry(1))
    plain, _ = failing(False, 0, OSError("x"))
    with Session() as session:
        assert [name for _, name in session.explain(probe).layers] == ["retry"]
        assert session.explain(plain).layers == ()
        assert list(session.plugins) == ["retry"]


def test_a_configuration_error_is_no_reason_to_retry() -> None:
    """The executor of a session that does not exist is refused once."""
    with pytest.raises(ConfigError):
        Session(executor="threds")
