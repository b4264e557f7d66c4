"""Errors that came out of sensitive tasks."""

from __future__ import annotations

import asyncio

import pytest

from pegboard import Session, current_call, hookimpl, task
from pegboard.privacy import is_sensitive, mark_sensitive
from pegboard.testing import Recorder


def fail() -> None:
    raise ValueError("secret")


def wrap(error: Exception) -> BaseException:
    """The error as others hold it: as it is, as a cause, as a context, in a group."""
    outer = LookupError()
    outer.__cause__ = error
    return outer


@pytest.mark.parametrize(
    "hold",
    [
        lambda error: error,
        wrap,
        lambda error: ExceptionGroup("several", [KeyError(), error]),
        lambda error: wrap(ExceptionGroup("several", [wrap(error)])),
    ],
    ids=["itself", "cause", "member", "deep"],
)
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("watched", [False, True], ids=["bare", "watched"])
def test_what_left_a_sensitive_task_is_known(hold, is_async: bool, watched: bool) -> None:
    """Wherever it is looked at later, and however it is held; one of another task is not."""

    async def afail() -> None:
        await asyncio.sleep(0)
        fail()

    body = afail if is_async else fail
    with Session(*[Recorder()] * watched):
        hidden = task(sensitive=True)(body).run().error
        open_one = task(body).run().error
    assert is_sensitive(hold(hidden))
    assert not is_sensitive(hold(open_one))


def test_inside_a_sensitive_task_every_error_is() -> None:
    """Also in what it calls."""
    seen = []

    @task
    def inner() -> None:
        seen.append((is_sensitive(ValueError()), is_sensitive(ValueError(), current_call())))

    @task(sensitive=True)
    def outer() -> None:
        inner()

    with Session():
        outer()
        inner()
    assert seen == [(True, True), (False, False)]
    assert not is_sensitive(None)


def test_a_chain_that_bites_its_tail_ends() -> None:
    """Two errors that are each other's context."""
    one, other = ValueError(), ValueError()
    one.__context__, other.__context__ = other, one
    assert not is_sensitive(one)
    mark_sensitive(other)
    assert is_sensitive(one)


def test_the_log_of_a_failing_observer_leaves_it_out(caplog) -> None:
    """An observer further out that raises because of it shows no traceback."""

    class Faulty:
        name = "faulty"

        @hookimpl
        def on_error(self, call, error):
            raise RuntimeError from error

    @task
    def outer() -> None:
        task(sensitive=True)(fail)()

    with Session(Faulty()):
        outer.run()
    assert "secret" not in caplog.text
    assert "RuntimeError" in caplog.text
