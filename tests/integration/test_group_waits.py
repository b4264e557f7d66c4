"""A group that fails ends what its other calls wait for."""

from __future__ import annotations

import functools
import os
import signal
import threading
import time

import pytest

from pegboard import Layer, Order, Session, hookimpl, parallel, task
from pegboard.running.open_group import open_group
from pegboard.testing import Recorder
from pegboard_flow import Graph

LONG = 300


class Waiting:
    """Has calls of `probe` wait before they run, where their argument says so."""

    name = "waiting"

    def __init__(self) -> None:
        self.begun = threading.Event()

    @hookimpl
    def bind(self, session, task):
        async def run(call, proceed):
            if call.args and call.args[0] == "wait":
                self.begun.set()
                await call.sleep(LONG)
            return await proceed(call)

        return Layer("waiting", Order.RATE, run=run) if task.name == "probe" else None


ran: list[str] = []
waiting = Waiting()


@task
def probe(what: str) -> str:
    if what == "fail":
        assert waiting.begun.wait(10)
        raise ValueError(what)
    if what == "Ctrl-C":
        assert waiting.begun.wait(10)
        os.kill(os.getpid(), signal.SIGINT)
        threading.Event().wait(10)
    ran.append(what)
    return what


def grouped(*what: str) -> None:
    with open_group("graph", "g") as group:
        futures = [group.submit(probe, each) for each in what]
        for future in futures[::-1]:
            future.result()


def graph(*what: str) -> object:
    made = Graph().add_node("s", lambda: None)
    for each in what:
        made.add_node(each, lambda _, each=each: probe(each)).add_edge("s", each)
    return made.start_with("s").end_with(*what)()


FORMS = {
    "map": lambda *what: probe.map(what),
    "imap": lambda *what: list(probe.imap(what, ordered=False)),
    "parallel": lambda *what: parallel(*(functools.partial(probe, each) for each in what)),
    "group": grouped,
    "graph": graph,
    "map in a map": lambda *what: task(lambda _: probe.map(what)).map([1]),
}


@pytest.fixture(autouse=True)
def _anew():
    ran.clear()
    waiting.begun.clear()


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_the_failure_of_one_call_ends_the_waits_of_the_others(form) -> None:
    """The error of the one leaves, at once; those that waited never run, and are told of as cancelled."""
    recorder = Recorder()
    began = time.monotonic()
    with Session(waiting, recorder), pytest.raises(ValueError, match="fail"):
        form("wait", "fail")
    assert time.monotonic() - began < LONG / 10
    assert ran == []
    assert recorder.unbalanced() == []
    ended = [each.details["outcome"] for each in recorder.of("after_execute") if each.task == "probe"]
    assert sorted(outcome.status for outcome in ended) == ["cancelled", "error"]


@pytest.mark.parametrize("form", ["map", "parallel", "imap", "map in a map"])
def test_ctrl_c_ends_the_waits_of_the_others(form) -> None:
    """It leaves as itself."""
    began = time.monotonic()
    with Session(waiting, executor="threads"), pytest.raises(KeyboardInterrupt):
        _pressed_during(FORMS[form])
    assert time.monotonic() - began < LONG / 10
    assert ran == []


def _pressed_during(form) -> None:
    def press() -> None:
        assert waiting.begun.wait(10)
        time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    presser = threading.Thread(target=press)
    presser.start()
    try:
        form("wait", "wait")
    finally:
        presser.join()


def test_an_imap_that_is_left_ends_the_waits_of_what_it_began() -> None:
    """Its reader does not wait for them."""
    began = time.monotonic()
    with Session(waiting):
        for _ in probe.imap(["go", "wait"], ordered=False):
            assert waiting.begun.wait(10)
            break
    assert time.monotonic() - began < LONG / 10
    assert ran == ["go"]


def test_collected_failures_end_nothing() -> None:
    """Each call is on its own."""
    with Session():
        one, two = task(lambda x: 1 // x).map([0, 1], on_error="collect")
    assert isinstance(one, ZeroDivisionError)
    assert two == 1


def test_who_is_told_of_the_end_of_a_group_may_wait() -> None:
    """Also where it failed."""
    told = []

    class Telling:
        name = "telling"

        @hookimpl
        def after_group(self, group):
            told.append(nap())

    @task
    def nap() -> str:
        return "rested"

    class Napping:
        name = "napping"

        @hookimpl
        def bind(self, session, task):
            async def run(call, proceed):
                await call.sleep(0.001)
                return await proceed(call)

            return Layer("napping", Order.RATE, run=run) if task.name.endswith("nap") else None

    with Session(waiting, Telling(), Napping(), strict=True):
        for form in ("map", "imap", "group"):
            with pytest.raises(ValueError):
                FORMS[form]("wait", "fail")
            waiting.begun.clear()
    assert told == ["rested"] * 3
