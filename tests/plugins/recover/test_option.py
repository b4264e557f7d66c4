"""The options: what they refuse, and where they may stand."""

from __future__ import annotations

import asyncio
import functools

import pytest

from pegboard import BindError, InvalidTask, Layer, Order, Session, UnsupportedTask, hookimpl, task
from pegboard_recover import Fallback, Handle, Undo


@pytest.mark.parametrize("kinds", [ValueError("x"), "ValueError", (ValueError, int), None])
def test_an_error_is_a_class(kinds) -> None:
    """What is no exception class is a TypeError where it is written."""
    with pytest.raises(TypeError, match="exception class"):
        Handle(kinds, print)
    with pytest.raises(TypeError, match="exception class"):
        Fallback(1, on=kinds)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, asyncio.CancelledError, BaseException])
def test_what_ends_a_program_is_never_recovered_from(kind) -> None:
    """A handler for cancellation or Ctrl-C is refused."""
    with pytest.raises(ValueError, match="never recovered"):
        Handle(kind, print)


@pytest.mark.parametrize("make", [lambda value: Handle(ValueError, value), Undo])
def test_a_function_is_callable(make) -> None:
    """A value is no handler and no undo."""
    with pytest.raises(TypeError, match="is a function"):
        make(3)


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf")])
def test_an_undo_is_bounded(seconds: float) -> None:
    """`within` is a finite number above 0."""
    with pytest.raises(ValueError, match="within is a finite number of seconds above 0"):
        Undo(print, within=seconds)


def test_only_handlers_are_repeatable() -> None:
    """A second fallback would silently replace the first."""
    task(Handle(ValueError, print), Handle(OSError, print))(lambda: 1)
    with pytest.raises(InvalidTask, match="twice"):
        task(Fallback(1), Fallback(2))(lambda: 1)


@pytest.mark.parametrize("option", [Fallback(1), Handle(ValueError, print)])
def test_a_stream_has_no_fallback(option) -> None:
    """What was yielded cannot be taken back, so a generator task refuses them; an undo it may have."""

    def items():
        yield 1

    with pytest.raises(UnsupportedTask):
        task(option)(items)
    task(Undo(print))(items)


async def later(*args: object) -> None: ...


@pytest.mark.parametrize(
    "option", [Fallback(later), Handle(ValueError, later), Undo(later), Fallback(task(later))]
)
def test_a_sync_task_awaits_nothing(option) -> None:
    """An async function on a sync task is an error that says so: at decoration, or for a default option before it runs."""
    with pytest.raises(InvalidTask, match="no event loop"):
        task(option)(lambda: 1)
    ran = []
    plain = task(lambda: ran.append(True))
    with Session(defaults=[option]), pytest.raises(BindError, match="no event loop"):
        plain()
    assert ran == []


def two(a: object, b: object) -> object:
    return a, b


@pytest.mark.parametrize(
    ("option", "needs"),
    [
        (Fallback(two), r"\(k\), or \(\)"),
        (Undo(two), r"\(k\), or \(\)"),
        (Handle(ValueError, lambda error, a, b: a), r"\(error, k\), or \(error\)"),
        (Fallback(lambda *, day: day), r"\(k\)"),
    ],
    ids=["fallback", "undo", "handler", "another name"],
)
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_a_function_that_can_never_be_called_is_refused_at_bind(option, needs: str, is_async: bool) -> None:
    """The error says the signature that it needs, and the task does not run."""
    ran = []

    def plain(k):
        ran.append(k)

    async def coroutine(k):
        ran.append(k)

    made = task(option)(coroutine if is_async else plain)
    with Session(), pytest.raises(BindError, match=needs) as caught:
        made.run(1).unwrap()
    assert (caught.value.plugin, ran) == ("recover", [])


@pytest.mark.parametrize(
    ("function", "call"),
    [
        (lambda a, b: (a, b), lambda f: f(1, 2)),
        (lambda a, b, /: (a, b), lambda f: f(1, 2)),
        (lambda *, a, b: (a, b), lambda f: f(a=1, b=2)),
        (lambda error: (1, 2), lambda f: f(1, b=2)),
        (lambda *a: a, lambda f: f(1, 2)),
        (two, lambda f: f(1, b=2)),
        (functools.partial(two, 1), lambda f: f(2)),
        (task(two), lambda f: f(1, 2)),
        (max, lambda f: (f((0, 1)), 2)),
    ],
    ids=["positions", "positional-only", "names", "error", "any", "mixed", "partial", "task", "in C"],
)
def test_a_function_that_some_call_fits_is_taken(function, call) -> None:
    """Positional-only, by name, partials, tasks and what has no signature: whatever a call of the task may fit."""

    @task(Fallback(function))
    def fails(a, b=2):
        raise ValueError

    with Session():
        assert call(fails) == (1, 2)


def test_what_a_layer_fills_in_is_not_asked_of_a_function() -> None:
    """A parameter that a plugin provides is none of the caller's, and so none of the handler's."""

    class Filling:
        name = "filling"

        @hookimpl
        def bind(self, session, task):
            async def run(call, proceed):
                return await proceed(call.with_args(*call.args, **call.kwargs, key="secret"))

            return Layer("filling", Order.INJECT, run=run, provides=("key",))

    @task(Fallback(lambda day: f"fallback for {day}"))
    def fails(day, *, key):
        raise ValueError

    with Session(Filling()):
        assert fails("monday") == "fallback for monday"
