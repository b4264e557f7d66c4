"""pluggy's own tools: while they watch, they see everything, and nothing else changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from pegboard import Session, current_call, hookimpl, hookspec, task
from pegboard.testing import FaultyPlugin, Recorder


@task
def function(x: int = 0) -> int:
    return x


@task
async def coroutine(x: int = 0) -> int:
    await asyncio.sleep(0)
    return x


@task
def generator(x: int = 0):
    yield x
    yield x + 1


@task
async def async_generator(x: int = 0):
    yield x
    yield x + 1


@task
def failing() -> None:
    raise KeyError("no")


TASKS = {each.name: each for each in (function, coroutine, generator, async_generator, failing)}
each_task = pytest.mark.parametrize("made", TASKS.values(), ids=TASKS)


def monitor(session: Session) -> tuple[list[str], Callable[[], None]]:
    """Watch a session's hook calls; return what is seen, and how to stop."""
    seen: list[str] = []
    undo = session.pm.add_hookcall_monitoring(lambda name, impls, values: seen.append(name), lambda *_: None)
    return seen, undo


@each_task
def test_monitoring_sees_every_event(made) -> None:
    """In the same order in which a recorder is told of them."""
    recorder = Recorder()
    with Session(recorder) as session:
        seen, _ = monitor(session)
        made.run()
    assert [name for name in seen if name != "bind"] == [event.hook for event in recorder.events]
    assert recorder.events


def test_monitoring_sees_events_that_nobody_observes() -> None:
    """A hook without implementations is called as well, so that the tools tell the truth."""
    with Session() as session:
        seen, _ = monitor(session)
        function()
    assert seen == ["before_execute", "before_attempt", "after_attempt", "after_execute"]


def test_monitoring_sees_groups() -> None:
    """Events about maps, too."""
    recorder = Recorder()
    with Session(recorder, executor="inline") as session:
        seen, _ = monitor(session)
        function.map([1, 2])
    assert seen == [event.hook for event in recorder.events]
    assert (seen[0], seen[-1]) == ("before_group", "after_group")


def test_monitoring_sees_the_arguments() -> None:
    """Complete, by name, whatever the implementations ask for."""
    values: list[dict[str, object]] = []
    with Session(Recorder()) as session:
        session.pm.add_hookcall_monitoring(
            lambda name, impls, given: values.append(dict(given)) if name == "after_attempt" else None,
            lambda *_: None,
        )
        function()
    assert [(set(each), each["attempt"], each["error"]) for each in values] == [
        ({"call", "attempt", "error"}, 1, None)
    ]


class Steps:
    @hookspec
    def on_step(self, call, size: int) -> None:
        """Told by `call.emit`."""


class Stepping:
    name = "stepping"
    hookspecs = Steps


def test_monitoring_sees_emitted_events() -> None:
    """Also those of a plugin's own specs."""

    @task
    def emitting() -> None:
        current_call().emit("on_step", 3)
        current_call().emit("on_step", size=3)

    with Session(Stepping()) as session:
        seen, _ = monitor(session)
        emitting()
    assert seen.count("on_step") == 2


@each_task
@pytest.mark.parametrize("error", [ValueError, GeneratorExit, asyncio.CancelledError, RecursionError])
def test_isolation_holds_while_monitored(made, error: type[BaseException]) -> None:
    """A raising observer silences nobody and changes nothing."""
    with Session(Recorder("alone")) as session:
        expected = made.run()
        expected_log = session.plugins["alone"].log()
    before, after = Recorder("before"), Recorder("after")
    with Session(before, FaultyPlugin(error), after) as session:
        monitor(session)
        result = made.run()
        assert session.observer_errors
    assert (result.value, result.status, type(result.error)) == (
        expected.value,
        expected.status,
        type(expected.error),
    )
    assert before.log() == after.log() == expected_log


@pytest.mark.parametrize("exit_", [KeyboardInterrupt, SystemExit])
def test_an_exit_goes_on_while_monitored(exit_: type[BaseException]) -> None:
    """After the others were told."""
    first, last = Recorder("first"), Recorder("last")
    with Session(first, FaultyPlugin(exit_, hooks=["before_execute"]), last) as session:
        monitor(session)
        with pytest.raises(exit_):
            function()
    assert first.log() == last.log()
    assert first.unbalanced() == []


def test_a_strict_session_is_strict_while_monitored() -> None:
    """What observers raised is raised after the call."""
    with Session(FaultyPlugin(hooks=["before_execute"]), strict=True) as session:
        monitor(session)
        with pytest.raises(ValueError):
            function()


def test_the_order_of_observers_is_the_same_while_monitored() -> None:
    """Last attached first, `tryfirst` before it: with and without monitoring."""
    told: list[str] = []

    def logging_plugin(name: str, **marks: bool):
        @hookimpl(**marks)
        def before_execute(self) -> None:
            told.append(name)

        return type("Plugin", (), {"name": name, "before_execute": before_execute})()

    with Session(logging_plugin("first", tryfirst=True), logging_plugin("a"), logging_plugin("b")) as session:
        function()
        monitor(session)
        function()
    assert told == ["first", "b", "a"] * 2


@each_task
def test_undone_all_is_as_before(made) -> None:
    """Nothing is seen any more, the plan is the one without monitoring, and events go on."""
    recorder = Recorder()
    with Session(recorder) as session:
        made.run()
        once = recorder.log()
        explained = session.explain(made)
        seen, undo = monitor(session)
        assert session.explain(made) == explained
        undo()
        seen.clear()
        recorder.clear()
        made.run()
        assert session.explain(made) == explained
    assert seen == []
    assert recorder.log() == once


def test_undoing_twice_is_undoing_once() -> None:
    """A second undo does not undo somebody else's monitoring, nor leave it on for ever."""
    with Session() as session:
        mine, undo = monitor(session)
        undo()
        undo()
        yours, _ = monitor(session)
        function()
        assert session.pm.monitors == 1
    assert (mine, len(yours)) == ([], 4)


def test_two_monitors_both_see() -> None:
    """Monitoring nests."""
    with Session() as session:
        outer, undo_outer = monitor(session)
        inner, undo_inner = monitor(session)
        function()
        undo_inner()
        function()
        undo_outer()
        function()
    assert (len(outer), len(inner)) == (8, 4)


@pytest.mark.parametrize("when", ["before", "while", "after"])
def test_pluggys_own_calls_are_pluggys(when: str) -> None:
    """Whoever calls `pm.hook` himself gets an observer's error raised, as pluggy does, monitored or not."""
    with Session(FaultyPlugin(hooks=["before_execute"])) as session:
        if when != "before":
            _, undo = monitor(session)
            function()
            if when == "after":
                undo()
        with pytest.raises(ValueError):
            session.pm.hook.before_execute(call=None)


def test_pluggys_tracing_works() -> None:
    """`pm.enable_tracing` writes every hook call."""
    lines: list[str] = []
    with Session(Recorder()) as session:
        session.pm.trace.root.setwriter(lines.append)
        undo = session.pm.enable_tracing()
        function()
        undo()
        written = len(lines)
        function()
    assert any("after_execute" in line for line in lines)
    assert len(lines) == written


def test_observers_bound_to_a_task_are_told_while_monitored() -> None:
    """They are no implementations that pluggy knows, and are told all the same, after the others."""
    told: list[str] = []

    class Binding:
        name = "binding"

        @hookimpl
        def bind(self) -> object:
            return type(
                "O", (), {"before_execute": staticmethod(hookimpl(lambda call: told.append("bound")))}
            )()

        @hookimpl
        def before_execute(self) -> None:
            told.append("wide")

    with Session(Binding()) as session:
        monitor(session)
        function()
    assert told == ["wide", "bound"]


def test_a_monitored_observer_that_calls_a_task_does_not_recurse_for_ever() -> None:
    """Calls in hooks are marked there, too."""
    told: list[bool] = []

    class Calling:
        name = "calling"

        @hookimpl
        def after_execute(self, call) -> None:
            told.append(call.in_hook)
            assert len(told) < 50
            function()

    with Session(Calling(), strict=True) as session:
        monitor(session)
        function()
    assert told == [False, True]
