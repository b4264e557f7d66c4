"""Handlers and fallbacks, in tasks of both colours."""

from __future__ import annotations

import asyncio

import pytest

from pegboard import Layer, Order, Session, Suspended, current_call, hookimpl, task
from pegboard.testing import Recorder, check_plugin
from pegboard_recover import Fallback, Handle, Recovery, Undo


def failing(error: BaseException, *options, is_async: bool = False):
    """Make a task of one argument that raises `error`."""
    if is_async:

        @task(*options, name="probe")
        async def aprobe(x: int = 0) -> None:
            await asyncio.sleep(0)
            raise error

        return aprobe

    @task(*options, name="probe")
    def probe(x: int = 0) -> None:
        raise error

    return probe


both = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
ERROR = OSError("out of order")


async def later(value):
    await asyncio.sleep(0)
    return value


@both
@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (7, 7),
        (None, None),
        (lambda x: x + 1, 6),
        (lambda x, error: (x, error), (5, ERROR)),
        (lambda x, *, error: (x, error), (5, ERROR)),
        (lambda *args, error=None: (args, error), ((5,), ERROR)),
        (lambda: "nothing", "nothing"),
        (str, "5"),
    ],
    ids=["value", "None", "arguments", "error", "error by name", "varargs", "no parameter", "class"],
)
def test_a_fallback_answers(is_async: bool, answer, expected) -> None:
    """A value, or a function of the original arguments that may ask for the error."""
    with Session():
        assert failing(ERROR, Fallback(answer), is_async=is_async).run(5).unwrap() == expected


def test_an_async_fallback_is_awaited() -> None:
    """A coroutine task may have one."""
    with Session():
        assert failing(ERROR, Fallback(lambda x: later(x * 2)), is_async=True).run(5).unwrap() == 10


def test_a_task_may_be_a_fallback() -> None:
    """Its call is a child of the call that failed."""

    @task
    def other(x: int) -> tuple[int, str]:
        return x, current_call().parent.task.name

    with Session():
        assert failing(ERROR, Fallback(other))(5) == (5, "probe")


@both
def test_the_source_of_a_recovered_value_is_fallback(is_async: bool) -> None:
    """The call is ok, its source says where the value comes from, and no error is told."""
    recorder = Recorder()
    with Session(recorder):
        result = failing(ERROR, Fallback(1), is_async=is_async).run()
    assert (result.status, result.source, result.value, result.attempts) == ("ok", "fallback", 1, 1)
    assert "on_error OSError" not in recorder.log()


@both
def test_the_first_handler_that_matches_answers(is_async: bool) -> None:
    """In the order written, subclasses included."""
    options = [
        Handle(ValueError, lambda _: "value"),
        Handle((KeyError, OSError), lambda _: "os"),
        Handle(Exception, lambda _: "any"),
        Fallback("fallback"),
    ]
    with Session():
        for error, expected in [(ERROR, "os"), (ConnectionError(), "os"), (TypeError(), "any")]:
            assert failing(error, *options, is_async=is_async).run().unwrap() == expected


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda error: error, ERROR),
        (lambda e, x: (e, x), (ERROR, 5)),
        (lambda x, *, error: (error, x), (ERROR, 5)),
        (lambda x, error: (error, x), (ERROR, 5)),
        (str, "out of order"),
    ],
    ids=["error", "error, arguments", "error by name", "error last", "class"],
)
def test_a_handler_is_told_the_error(function, expected) -> None:
    """Alone, before the arguments, or by name beside them."""
    with Session():
        assert failing(ERROR, Handle(OSError, function))(5) == expected


@both
def test_a_handler_that_raises_passes_on(is_async: bool) -> None:
    """To the next that matches, then to the fallback; the call has a value, and nobody sees the failure."""

    def raises(error):
        raise KeyError("handler")

    with Session():
        options = [Handle(OSError, raises), Handle(Exception, lambda _: "second")]
        assert failing(ERROR, *options, is_async=is_async).run().unwrap() == "second"
        assert failing(ERROR, Handle(OSError, raises), Fallback(3), is_async=is_async).run().unwrap() == 3


@both
def test_the_tasks_own_error_leaves(is_async: bool) -> None:
    """When everything fails: the same object, with a note on each failure of the recovery."""

    def raises(what: str):
        def fail(*args: object) -> None:
            raise KeyError(what)

        return fail

    error = OSError("own")
    options = [Handle(OSError, raises("one")), Fallback(raises("two")), Undo(raises("three"))]
    with Session(), pytest.raises(OSError, match="own") as caught:
        failing(error, *options, is_async=is_async).run().unwrap()
    assert caught.value is error
    assert error.__cause__ is None
    noted = "\n".join(error.__notes__)
    assert [f"KeyError: '{what}'" in noted for what in ("one", "two", "three")] == [True] * 3


def test_notes_hide_what_must_not_be_seen() -> None:
    """A known secret is masked in a note; of a sensitive task the text is left out altogether."""

    def raises(error: Exception):
        raise KeyError("canary-8f2")

    plain, sensitive = OSError(), OSError()
    with Session() as session:
        session.masks.add("canary-8f2")
        failing(plain, Handle(OSError, raises)).run()
    hidden = task(Handle(OSError, raises), sensitive=True)(failing(sensitive).__wrapped__)
    with Session():
        hidden.run()
    assert "KeyError: '***'" in "".join(plain.__notes__)
    assert "canary" not in "".join(sensitive.__notes__)


@both
@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3), asyncio.CancelledError(), Suspended()])
def test_what_is_no_failure_passes(is_async: bool, error: BaseException) -> None:
    """No handler and no fallback is asked."""
    asked = []
    probe = failing(
        error, Handle(Exception, asked.append), Fallback(lambda *_: asked.append(1)), is_async=is_async
    )
    with Session(), pytest.raises(type(error)):
        if is_async:
            coroutine = probe()
            while True:
                coroutine.send(None)
        probe()
    assert asked == []


def test_a_fallback_may_be_for_some_errors() -> None:
    """`on=` limits it; another error leaves."""
    with Session():
        probe = failing(ERROR, Fallback(1, on=(ValueError, KeyError)))
        assert probe.run().error is ERROR


def test_the_error_of_a_layer_is_recovered_from_too() -> None:
    """A recovery stands outside of all other layers but the journal."""

    class Refuses:
        name = "refuses"

        @hookimpl
        def bind(self) -> Layer:
            async def run(call, proceed):
                raise PermissionError

            return Layer("refuses", Order.CACHE, run)

    with Session(Refuses()):
        assert failing(ERROR, Fallback(1))() == 1


def test_a_wrong_call_is_not_recovered_from() -> None:
    """A missing argument is the caller's error."""

    @task(Fallback(1))
    def needs(x: int) -> int:
        return x

    with Session(), pytest.raises(TypeError, match="x"):
        needs()


def test_a_task_that_succeeds_is_left_alone() -> None:
    """Its value is its own, and its source is run."""
    with Session():
        result = task(Fallback(1), Undo(lambda *_: 1 / 0))(lambda x: x).run(5)
    assert (result.value, result.source) == (5, "run")


def test_manners() -> None:
    """The plugin keeps to what every plugin promises."""
    check_plugin(Recovery, Handle(ZeroDivisionError, lambda error: 1 / 0), Undo(lambda *_: None))


@both
@pytest.mark.parametrize(
    "call",
    [lambda probe: probe.run(), lambda probe: probe.run(5), lambda probe: probe.run(x=5)],
    ids=["default", "position", "name"],
)
@pytest.mark.parametrize(
    "answer",
    [lambda x: [x], lambda *, x: [x], lambda y: [y], lambda x=7: [x], lambda **more: [more["x"]]],
    ids=["position", "name", "other name", "own default", "keywords"],
)
def test_the_arguments_fit_however_they_were_passed(is_async: bool, call, answer) -> None:
    """By position, by name or by default; the task's default counts where the function has none."""
    with Session():
        value = call(failing(ERROR, Fallback(answer), is_async=is_async)).unwrap()
    assert value in ([0], [5], [7])


def test_a_parameter_called_error_is_the_tasks() -> None:
    """A task that has one hands it on, and the error is not put in its place."""

    @task(Fallback(lambda error: f"about {error}"))
    def report(error: str) -> str:
        raise ERROR

    with Session():
        assert report("disk") == "about disk"
