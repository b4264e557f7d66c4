"""The calls of functions that run, found on the stacks of threads."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextvars import Context
from typing import Any

import pytest

from pegboard import Call, Layer, Session, current_call, hookimpl, task
from pegboard.plans.on_stacks import calls_on_stacks
from pegboard.testing import isolated


@pytest.fixture(autouse=True)
def nothing_is_open() -> Iterator[None]:
    """Have each test begin in a program without a session."""
    with isolated():
        yield


class Watching:
    """Observes beginnings."""

    @hookimpl
    def before_execute(self) -> None: ...


class Hung:
    """Hangs a layer, an observer or nothing on every task."""

    name = "hung"

    def __init__(self, part: str) -> None:
        self.part = part

    @hookimpl
    def bind(self) -> object:
        async def run(call: Any, proceed: Any) -> Any:
            return await proceed(call)

        return {"layer": Layer("passing", 500, run=run), "observer": Watching(), "nothing": None}[self.part]


@task
def inner() -> list[Call]:
    return calls_on_stacks()


@task
def outer() -> tuple[Any, list[Call]]:
    return current_call(), inner()


@pytest.mark.parametrize("part", ["nothing", "observer", "layer"])
def test_a_running_call_and_what_it_calls_are_found(part: str) -> None:
    """Whatever is hung on its task, and in the session alone that makes it: once it is over, there is none."""
    with Session(Hung(part)):
        call, found = outer()
    assert [each.task.name for each in found if each is call or each.parent is call] == ["inner", "outer"]
    assert call not in calls_on_stacks()


def test_calls_of_other_threads_are_found() -> None:
    """A thread that waits inside of one has it on its stack."""
    begun, go_on = threading.Event(), threading.Event()

    @task
    def held() -> None:
        begun.set()
        go_on.wait(10)

    session = Session().install()
    thread = threading.Thread(target=held)
    thread.start()
    begun.wait(10)
    names = [call.task.name for call in calls_on_stacks()]
    go_on.set()
    thread.join()
    session.uninstall()
    assert names == [held.name]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_has_no_call_of_its_parent_in_flight() -> None:
    """Also where the fork was in another context than the call, which is on the stack of the child."""
    session = Session().install()

    @task
    def forks() -> int:
        def fork() -> int:
            child = os.fork()
            if not child:
                os._exit(len(session.in_flight.running()) if session.in_flight else 9)
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

        return Context().run(fork)

    assert forks() == 0
    session.uninstall()
