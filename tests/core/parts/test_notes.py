"""Notes on exceptions of others."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable

import pytest

from pegboard import Session, hookimpl, task
from pegboard.parts.notes import note_on


@dataclasses.dataclass(frozen=True)
class Frozen(Exception):  # noqa: N818
    key: int


class NoList(Exception):  # noqa: N818
    __notes__ = 5


def test_one_object_has_sixteen_notes_at_most() -> None:
    """However many calls it leaves."""
    error = ValueError()
    for number in range(100):
        note_on(error, str(number))
    assert error.__notes__ == [str(number) for number in range(16)]


@pytest.mark.parametrize("error", [Frozen(1), NoList()], ids=lambda error: type(error).__name__)
def test_an_exception_that_takes_no_notes_is_left_as_it_is(error: Exception) -> None:
    """The error matters, the note does not."""
    note_on(error, "note")


class Ending:
    name = "ending"

    @hookimpl
    def session_end(self) -> None:
        raise ValueError("end")


error = Frozen(1)


@task
def fail(key: int = 1) -> None:
    raise error


def in_a_session_that_ends_badly() -> None:
    with Session(Ending()):
        raise error


WAYS: dict[str, Callable[[], object]] = {
    "call": fail,
    "run": lambda: fail.run().unwrap(),
    "submit": lambda: fail.submit().result(),
    "map": lambda: fail.map([1]),
    "amap": lambda: asyncio.run(fail.amap([1])),
    "imap": lambda: list(fail.imap([1])),
    "session": in_a_session_that_ends_badly,
}


@pytest.mark.parametrize("way", WAYS)
def test_the_task_s_own_frozen_exception_leaves_the_call(way: str) -> None:
    """The same object, however it was called."""
    with Session(inherit=False), pytest.raises(Frozen) as caught:
        WAYS[way]()
    assert caught.value is error
