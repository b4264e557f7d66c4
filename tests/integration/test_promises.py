"""The promises of docs/explanation/architecture.md, by their numbers; the matrix of kinds and endings is in test_matrix."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import pickle
import subprocess
import sys

import pytest

from pegboard import BindError, PegboardError, Retry, Session, Suspended, current_call, hookimpl, task
from pegboard.testing import FaultyPlugin, Recorder


class HTTPError(Exception):
    """Stands for a library's own error, with two arguments."""

    def __init__(self, url: str, code: int) -> None:
        super().__init__(f"{code} at {url}")
        self.code = code


class Interrupting:
    """Presses Ctrl-C in one hook."""

    def __init__(self, hook: str) -> None:
        self.name = f"interrupting {hook}"

        def interrupt(call) -> None:
            raise KeyboardInterrupt

        setattr(self, hook, hookimpl(interrupt))


# 1. Observers change nothing -------------------------------------------------------------------------------------


def test_a_failing_observer_is_logged_once_and_counted_always(caplog: pytest.LogCaptureFixture) -> None:
    """Its failure is logged once per plugin and hook, and counted every time."""

    @task
    def double(x: int) -> int:
        return 2 * x

    with Session(FaultyPlugin(hooks=["after_execute"])) as session:
        assert [double(x) for x in range(5)] == [0, 2, 4, 6, 8]
        assert session.observer_errors == {("faulty", "after_execute"): 5}
    assert [record.message.partition(" with ")[0] for record in caplog.records] == [
        "plugin faulty failed in after_execute"
    ]


def test_a_strict_session_raises_after_the_call_has_ended() -> None:
    """`Session(strict=True)` raises what an observer raised, once the call is over and all were told."""
    recorder = Recorder()

    @task
    def work() -> int:
        return 1

    with Session(FaultyPlugin(ValueError("observer"), hooks=["before_execute"]), recorder, strict=True):
        with pytest.raises(ValueError, match="observer"):
            work()
        assert current_call() is None
    assert recorder.log()[-1] == "after_execute ok/run 1"


@pytest.mark.parametrize("kind", ["coroutine", "generator", "async_generator"])
def test_a_strict_session_raises_for_every_kind(kind: str) -> None:
    """Strictness holds for coroutines and streams too."""

    async def coroutine() -> int:
        return 1

    def generator():
        yield 1

    async def async_generator():
        yield 1

    probe = task({"coroutine": coroutine, "generator": generator, "async_generator": async_generator}[kind])
    with Session(FaultyPlugin(LookupError, hooks=["after_execute"]), strict=True):
        assert isinstance(probe.run().error, LookupError)


def test_two_observers_that_fail_in_a_strict_session_are_raised_together() -> None:
    """Several failures of one call come as an exception group."""

    @task
    def work() -> None: ...

    faulty = FaultyPlugin(ValueError, hooks=["before_execute", "after_execute"])
    with Session(faulty, strict=True), pytest.raises(ExceptionGroup) as caught:
        work()
    assert [type(error) for error in caught.value.exceptions] == [ValueError, ValueError]


@pytest.mark.parametrize(
    "hook", ["before_execute", "before_attempt", "after_attempt", "on_error", "after_execute"]
)
def test_ctrl_c_in_an_observer_goes_on_after_every_end_was_told(hook: str) -> None:
    """A KeyboardInterrupt in an observer is raised, after every other plugin got the end."""
    first, last = Recorder("first"), Recorder("last")

    @task
    def work() -> None:
        raise HTTPError("x", 500)

    with Session(first, Interrupting(hook), last), pytest.raises(KeyboardInterrupt):
        work()
    for recorder in (first, last):
        assert recorder.unbalanced() == []
        assert len(recorder.of("after_execute")) == 1
    assert current_call() is None


def test_an_observers_text_stays_out_of_the_log_of_a_sensitive_task(caplog: pytest.LogCaptureFixture) -> None:
    """For a sensitive task the log names the observer's error and shows no traceback."""

    @task(sensitive=True)
    def work() -> None: ...

    with (
        Session(FaultyPlugin(ValueError("canary"), hooks=["before_execute"])),
        caplog.at_level(logging.ERROR),
    ):
        work()
    assert "canary" not in caplog.text
    assert "ValueError" in caplog.text


# 3. The task's own exception -----------------------------------------------------------------------------------------


def test_the_tasks_own_exception_leaves_with_a_note() -> None:
    """The same object leaves, its cause untouched, with one note naming task, call and attempts."""
    cause = OSError("disk")
    error = HTTPError("http://x", 503)

    @task(Retry(2))
    def load() -> None:
        raise error from cause

    recorder = Recorder()
    with Session(recorder), pytest.raises(HTTPError) as caught:
        load()
    assert caught.value is error
    assert error.__cause__ is cause
    call = recorder.events[0].subject
    assert error.__notes__ == [f"in task 'load', call {call.id}, after 3 attempts"]


def test_nested_tasks_note_the_error_and_do_not_wrap_it() -> None:
    """An error that leaves two calls is one object with a note of each, and told once for each."""
    error = HTTPError("http://x", 500)

    @task
    def inner() -> None:
        raise error

    @task
    def outer() -> None:
        inner()

    recorder = Recorder()
    with Session(recorder), pytest.raises(HTTPError) as caught:
        outer()
    assert caught.value is error
    assert [note.split(",")[0] for note in error.__notes__] == ["in task 'inner'", "in task 'outer'"]
    assert [event.task for event in recorder.of("on_error")] == ["inner", "outer"]
    outer_call, inner_call = (event.subject for event in recorder.of("before_execute"))
    assert inner_call.parent_id == outer_call.id


def test_notes_do_not_pile_up_on_an_exception_that_is_raised_again_and_again() -> None:
    """One object raised ten thousand times keeps a bounded number of notes."""
    error = HTTPError("x", 1)

    @task
    def always() -> None:
        raise error

    with Session():
        for _ in range(10_000):
            always.run()
    assert len(error.__notes__) <= 16


def test_an_exception_that_takes_no_notes_leaves_all_the_same() -> None:
    """A class with broken notes is no reason to lose its error."""

    class Stubborn(Exception):  # noqa: N818
        def add_note(self, note: str) -> None:
            raise RuntimeError(note)

    @task
    def work() -> None:
        raise Stubborn

    recorder = Recorder()
    with Session(recorder), pytest.raises(Stubborn):
        work()
    assert recorder.log()[-1] == "after_execute error/run 1"


def test_an_error_is_noted_in_a_session_with_nothing_attached() -> None:
    """Inside a session there is always a call, so there is always a note."""

    @task
    async def fails() -> None:
        raise HTTPError("x", 1)

    with Session():
        result = fails.run()
    assert result.error is not None
    assert result.error.__notes__ == [f"in task '{fails.name}', call {result.call_id}, after 1 attempt"]


def test_pegboards_own_errors_are_under_one_base() -> None:
    """Whoever wants Pegboard's errors catches PegboardError."""

    class Broken:
        name = "broken"

        @hookimpl
        def bind(self) -> None:
            raise ZeroDivisionError("oops")

    @task
    def never_runs() -> None:
        raise AssertionError

    with Session(Broken()), pytest.raises(BindError) as caught:
        never_runs()
    assert isinstance(caught.value, PegboardError)
    assert (caught.value.plugin, caught.value.task) == ("broken", never_runs.name)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


# 5. Exits are no failures ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "exit_type", [KeyboardInterrupt, SystemExit, asyncio.CancelledError, Suspended, GeneratorExit]
)
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_an_exit_is_never_retried(exit_type: type[BaseException], is_async: bool) -> None:
    """KeyboardInterrupt, SystemExit, cancellation and suspension run the body once."""
    runs = []

    @task(Retry(3))
    def leaves() -> None:
        runs.append(1)
        raise exit_type

    @task(Retry(3))
    async def leaves_later() -> None:
        runs.append(1)
        raise exit_type

    recorder = Recorder()
    with Session(recorder), pytest.raises(exit_type):
        if is_async:
            leaves_later().send(None)
        else:
            leaves()
    assert runs == [1]
    assert recorder.of("on_retry") == recorder.of("on_error") == []
    status = (
        "suspended" if exit_type is Suspended else "closed" if exit_type is GeneratorExit else "cancelled"
    )
    assert recorder.of("after_execute")[0].details["outcome"].status == status


# 7. Values stay private ------------------------------------------------------------------------------------------------


def test_no_repr_shows_a_value() -> None:
    """Reprs of calls, groups, outcomes, results and tasks carry names and types, never values."""

    @task
    def echo(password: str) -> str:
        return password

    recorder = Recorder()
    with Session(recorder) as session:
        echo("canary")
        result = echo.run("canary")
        echo.map(["canary"])
        shown = [repr(session), repr(echo), repr(result), str(session.explain(echo))]
    for event in recorder.events:
        shown += [repr(event.subject), repr(event.details), str(event)]
    assert not [text for text in shown if "canary" in text]


# 9. Importing changes nothing ---------------------------------------------------------------------------------------


def test_importing_pegboard_starts_nothing() -> None:
    """A fresh interpreter has the same threads, handlers and modules of weight after the import."""
    program = """
import json, logging, os, sys, threading
before = dict(os.environ), threading.active_count()
import pegboard, pegboard.hookspecs
print(json.dumps({
    "threads": threading.active_count() - before[1],
    "environment": dict(os.environ) == before[0],
    "handlers": len(logging.getLogger().handlers) + len(logging.getLogger("pegboard").handlers),
    "heavy": [name for name in ("asyncio", "concurrent.futures", "opentelemetry", "prometheus_client") if name in sys.modules],
}))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {"threads": 0, "environment": True, "handlers": 0, "heavy": []}


def test_large_values_are_not_copied() -> None:
    """The value that comes out, and the one observers see, is the very object that went in."""
    large = bytearray(10_000_000)

    @task
    def echo(value: bytearray) -> bytearray:
        return value

    recorder = Recorder()
    with Session(recorder):
        assert echo(large) is large
    assert recorder.of("after_execute")[0].details["outcome"].value is large


def test_recursion_200_deep_works_and_too_deep_passes_as_itself() -> None:
    """A task may call itself 200 deep at the default limit, and a RecursionError is a RecursionError."""

    @task(Retry(0))
    def down(n: int) -> int:
        return 0 if n == 0 else 1 + down(n - 1)

    class Watching:
        name = "watching"

        @hookimpl
        def after_execute(self, outcome) -> None:
            assert outcome.status in ("ok", "error")

    with Session(Watching()):
        assert down(200) == 200
        with pytest.raises(RecursionError):
            down(100_000)
    assert current_call() is None


def test_stop_iteration_survives_layers() -> None:
    """A StopIteration that a body raises comes out as one, through layers too."""

    @task(Retry(1, on=OSError))
    def first(items) -> object:
        return next(iter(items))

    with Session(), pytest.raises(StopIteration):
        first([])


def test_a_session_is_collected_when_it_is_over() -> None:
    """A task keeps nothing of a session that has ended."""
    import weakref

    @task
    def work() -> None: ...

    with Session(Recorder()) as session:
        work()
    gone = weakref.ref(session)
    del session
    gc.collect()
    assert gone() is None


def test_outcomes_and_errors_survive_pickling() -> None:
    """What may have to travel, travels."""
    error = BindError("text", plugin="p", task="t")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.args, again.plugin, again.task) == (BindError, ("text",), "p", "t")
