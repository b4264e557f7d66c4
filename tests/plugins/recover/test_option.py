"""The options: what they refuse, and where they may stand."""

from __future__ import annotations

import asyncio

import pytest

from pegboard import BindError, InvalidTask, Session, UnsupportedTask, task
from pegboard_recover import Fallback, Handle, Undo


@pytest.mark.parametrize("kinds", [ValueError("x"), "ValueError", (ValueError, int), None])
def test_an_error_is_a_class(kinds) -> None:
    """What is no exception class is a TypeError where it is written (rule 10)."""
    with pytest.raises(TypeError, match="exception class"):
        Handle(kinds, print)
    with pytest.raises(TypeError, match="exception class"):
        Fallback(1, on=kinds)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, asyncio.CancelledError, BaseException])
def test_what_ends_a_program_is_never_recovered_from(kind) -> None:
    """A handler for cancellation or Ctrl-C is refused (row 50)."""
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
