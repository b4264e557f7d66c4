"""Scopes: several around one call, in the context of the user's code, and unable to break it."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar

import pytest

from pegboard import Scope, Session, hookimpl, task
from pegboard.testing import Recorder

depth: ContextVar[tuple[str, ...]] = ContextVar("depth", default=())


class Nesting:
    """A scope that adds its name to a context variable."""

    def __init__(self, name: str, log: list[str]) -> None:
        self.name = name
        self.log = log

    @hookimpl
    def bind(self) -> Scope:
        def enter(call):
            self.log.append(f"enter {self.name}")
            return depth.set((*depth.get(), self.name))

        def leave(call, token) -> None:
            self.log.append(f"exit {self.name} {call.outcome.status}")
            depth.reset(token)

        return Scope(self.name, enter, leave)

    @hookimpl
    def before_execute(self) -> None:
        self.log.append("before")

    @hookimpl
    def after_execute(self) -> None:
        self.log.append("after")


def function() -> tuple[str, ...]:
    return depth.get()


async def coroutine() -> tuple[str, ...]:
    await asyncio.sleep(0)
    return depth.get()


def generator():
    yield depth.get()


async def async_generator():
    yield depth.get()


bodies = pytest.mark.parametrize("body", [function, coroutine, generator, async_generator])


@bodies
def test_scopes_enter_in_order_and_leave_in_reverse(body) -> None:
    """Entered before `before_execute` in order of attachment, left after `after_execute` in reverse, outcome known."""
    log: list[str] = []
    with Session(Nesting("a", log), Nesting("b", log)):
        value = task(body).run().unwrap()
    assert value in (("a", "b"), [("a", "b")])
    assert log == ["enter a", "enter b", "before", "before", "after", "after", "exit b ok", "exit a ok"]
    assert depth.get() == ()


@bodies
def test_a_scope_that_fails_to_enter_is_not_left(body) -> None:
    """A scope cannot break a call: its error is counted, and the others go on."""
    log: list[str] = []

    class Failing:
        name = "failing"

        @hookimpl
        def bind(self) -> Scope:
            def enter(call):
                raise OSError("no")

            return Scope("failing", enter, lambda call, token: log.append("left"))

    with Session(Failing(), Nesting("b", log)) as session:
        assert task(body).run().status == "ok"
        assert session.observer_errors == {("failing", "scope.enter"): 1}
    assert "left" not in log
    assert log[-1] == "exit b ok"


def test_ctrl_c_on_the_way_in_leaves_what_was_entered() -> None:
    """A KeyboardInterrupt in a scope goes on, and no scope stays open."""
    log: list[str] = []

    class Interrupting:
        name = "interrupting"

        @hookimpl
        def bind(self) -> Scope:
            def enter(call):
                raise KeyboardInterrupt

            return Scope("interrupting", enter, lambda call, token: None)

    class Quiet:
        name = "quiet"

        @hookimpl
        def bind(self) -> Scope:
            return Scope("quiet", lambda call: log.append("in"), lambda call, token: log.append("out"))

    recorder = Recorder()
    with Session(Quiet(), Interrupting(), recorder), pytest.raises(KeyboardInterrupt):
        task(function)()
    assert log == ["in", "out"]
    assert recorder.events == []


def test_ctrl_c_on_the_way_out_leaves_the_others() -> None:
    """A KeyboardInterrupt while leaving a scope goes on after the others were left."""
    log: list[str] = []

    class Interrupting:
        name = "interrupting"

        @hookimpl
        def bind(self) -> Scope:
            def leave(call, token) -> None:
                raise KeyboardInterrupt

            return Scope("interrupting", lambda call: None, leave)

    with Session(Nesting("a", log), Interrupting()), pytest.raises(KeyboardInterrupt):
        task(function)()
    assert log[-1] == "exit a ok"
    assert depth.get() == ()
