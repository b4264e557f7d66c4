"""pluggy's own tools, which see every event while they monitor."""

from __future__ import annotations

import pytest

from pegboard import Session, hookimpl, task
from pegboard.testing import FaultyPlugin, Recorder


@task(name="work")
def work(fail: bool = False) -> str:
    if fail:
        raise OSError("no")
    return "value"


def test_monitoring_sees_every_event_while_it_is_on() -> None:
    """Events go through `pm.hook.*` until the monitoring is undone, and the plan is remade both times."""
    seen: list[str] = []
    recorder = Recorder()
    with Session(recorder) as session:
        work()
        undo = session.pm.add_hookcall_monitoring(
            lambda name, impls, kwargs: seen.append(name), lambda *args: None
        )
        work()
        undo()
        work()
    expected = ["before_execute", "before_attempt", "after_attempt", "after_execute"]
    assert [name for name in seen if name in expected] == expected
    assert recorder.log() == [str(event) for event in recorder.events]
    assert len(recorder.of("after_execute")) == 3


def test_the_order_of_observers_is_the_same_under_monitoring() -> None:
    """Last attached first, with and without."""
    told: list[str] = []

    class Telling:
        def __init__(self, name: str) -> None:
            self.name = name

        @hookimpl
        def after_execute(self) -> None:
            told.append(self.name)

    with Session(Telling("a"), Telling("b"), Telling("c")) as session:
        work()
        undo = session.pm.add_hookcall_monitoring(lambda *args: None, lambda *args: None)
        work()
        undo()
    assert told == ["c", "b", "a"] * 2


@pytest.mark.parametrize("error", [ValueError, SystemExit])
def test_isolation_holds_under_monitoring(error: type[BaseException]) -> None:
    """An observer that raises silences no other, although pluggy's own loop would stop (promise 1)."""
    first, last = Recorder("first"), Recorder("last")
    with Session(first, FaultyPlugin(error), last) as session:
        undo = session.pm.add_hookcall_monitoring(lambda *args: None, lambda *args: None)
        assert work() == "value"
        assert work.run(True).status == "error"
        undo()
        assert session.observer_errors["faulty", "after_execute"] == 2
    assert first.log() == last.log()
    assert first.unbalanced() == []


def test_ctrl_c_goes_on_under_monitoring() -> None:
    """A KeyboardInterrupt in an observer is raised once the others were told (E2)."""
    first, last = Recorder("first"), Recorder("last")
    with Session(first, FaultyPlugin(KeyboardInterrupt, hooks=["before_execute"]), last) as session:
        undo = session.pm.add_hookcall_monitoring(lambda *args: None, lambda *args: None)
        with pytest.raises(KeyboardInterrupt):
            work()
        undo()
    assert first.log() == last.log() == ["before_execute", "after_execute cancelled/run 0"]


def test_bound_observers_and_groups_are_told_under_monitoring() -> None:
    """What a plugin bound to one task, and what is told of groups, still is."""
    told: list[str] = []

    class Bound:
        @hookimpl
        def after_execute(self, call) -> None:
            told.append(call.task.name)

    class Binding:
        name = "binding"

        @hookimpl
        def bind(self) -> object:
            return Bound()

    recorder = Recorder()
    with Session(Binding(), recorder) as session:
        undo = session.pm.add_hookcall_monitoring(lambda *args: None, lambda *args: None)
        work.map([False])
        undo()
    assert told == ["work"]
    assert recorder.log()[0] == "before_group"
    assert recorder.unbalanced() == []
