"""What waits for what."""

from __future__ import annotations

import pytest

from pegboard import task
from pegboard_queue import (
    CyclicDependency,
    DependencyFailed,
    IllegalTransition,
    Item,
    State,
    TaskManager,
    UnknownItem,
)


@task
def note(log: list, name: str) -> None:
    log.append(name)


@task
def fail() -> None:
    raise OSError("disk")


def test_an_item_runs_after_those_that_it_depends_on(manager, gate) -> None:
    """By name or item, whatever its priority."""
    log: list[str] = []
    manager.submit(gate, name="gate")
    first = manager.submit(note, (log, "first"), depends_on=["gate"])
    manager.submit(note, (log, "last"), priority=9, depends_on=["gate", first])
    gate.open.set()
    manager.join()
    assert log == ["first", "last"]


def test_a_failure_skips_all_behind_it_by_name_and_runs_none(manager, gate, changes) -> None:
    """Transitively; all are told."""
    log: list[str] = []
    manager.submit(gate, name="gate")
    manager.submit(fail, name="load", depends_on="gate")
    near = manager.submit(note, (log, "near"), name="near", depends_on="load")
    far = manager.submit(note, (log, "far"), name="far", depends_on=["near", "gate"])
    gate.open.set()
    manager.join()
    assert log == []
    assert (near.state, far.state) == (State.SKIPPED, State.SKIPPED)
    with pytest.raises(
        DependencyFailed, match=r"'far'.*depends on 'load', through 'near', which failed"
    ) as caught:
        far.wait()
    assert (caught.value.dependency, caught.value.item) == ("load", "far")
    assert isinstance(caught.value.__cause__, OSError)
    assert changes.of("near") == changes.of("far") == ["waiting", "skipped"]


def test_a_cancelled_item_skips_what_is_behind_it(manager, gate) -> None:
    """The error of the skipped one says that it was cancelled."""
    manager.submit(gate, name="gate")
    first = manager.submit(note, ([], ""), name="first", depends_on="gate")
    second = manager.submit(note, ([], ""), depends_on=first)
    first.cancel()
    with pytest.raises(DependencyFailed, match="depends on 'first', which was cancelled"):
        second.wait(5)


def test_an_item_behind_one_that_failed_before_is_skipped_at_once(manager) -> None:
    """It could never run."""
    bad = manager.submit(fail)
    with pytest.raises(OSError):
        bad.wait(5)
    item = manager.submit(note, ([], ""), depends_on=[bad])
    assert item.state is State.SKIPPED


def test_an_item_behind_completed_ones_is_ready_at_once(manager) -> None:
    """It waits for nobody."""
    log: list[str] = []
    first = manager.submit(note, (log, "first"))
    first.wait(5)
    manager.submit(note, (log, "second"), depends_on=first).wait(5)
    assert log == ["first", "second"]


def test_a_missing_dependency_refuses_the_item(manager) -> None:
    """Of a name, of another manager, of none."""
    with TaskManager(1) as other:
        strange = other.submit(note, ([], ""))
    for wanted in ("nobody", strange, Item(fail)):
        with pytest.raises(UnknownItem):
            manager.submit(note, ([], ""), depends_on=[wanted])
    assert manager.statistics().submitted == 0


def test_a_cycle_is_refused_with_its_path(manager, gate) -> None:
    """The refused dependency leaves everything as it was."""
    manager.submit(gate, name="gate")
    a = manager.submit(note, ([], ""), name="a", depends_on="gate")
    manager.submit(note, ([], ""), name="b", depends_on="a")
    c = manager.submit(note, ([], ""), name="c", depends_on="b")
    with pytest.raises(CyclicDependency) as caught:
        a.add_dependency(c)
    assert caught.value.path == ("a", "b", "c", "a")
    assert a.dependencies == (manager.get("gate"),)
    with pytest.raises(CyclicDependency):
        manager.submit(note, ([], ""), name="self", depends_on="self")
    gate.open.set()
    manager.join()
    assert c.state is State.COMPLETED


def test_dependencies_come_and_go_until_the_start(manager, gates) -> None:
    """An item that has started has no use for another one."""
    log: list[str] = []
    running, held = gates(), gates()
    manager.submit(running)
    assert running.running.wait(5)
    late = manager.submit(held, name="late", priority=-1)
    item = manager.submit(note, (log, "item"))
    item.add_dependency("late")
    assert item.state is State.WAITING
    item.remove_dependency(late)
    assert item.state is State.READY
    with pytest.raises(UnknownItem):
        item.remove_dependency(late)
    running.open.set()
    item.wait(5)
    assert log == ["item"]
    with pytest.raises(IllegalTransition):
        item.add_dependency(late)
    held.open.set()


def test_a_dependency_added_after_its_failure_skips(manager, gate) -> None:
    """As one given at the submission does."""
    bad = manager.submit(fail)
    with pytest.raises(OSError):
        bad.wait(5)
    manager.submit(gate)
    item = manager.submit(note, ([], ""))
    item.add_dependency(bad)
    assert item.state is State.SKIPPED


def test_a_failure_reaches_a_paused_item_too(manager, gate) -> None:
    """Whether it was there before or is added."""
    manager.submit(gate)
    bad = manager.submit(fail)
    before, added = (manager.submit(note, ([], ""), name=name) for name in ("before", "added"))
    before.add_dependency(bad)
    before.pause()
    added.pause()
    gate.open.set()
    with pytest.raises(OSError):
        bad.wait(5)
    added.add_dependency(bad)
    assert (before.state, added.state) == (State.SKIPPED, State.SKIPPED)


def test_a_chain_does_not_keep_what_is_forgotten(session) -> None:
    """`keep`: the memory of an endless chain is bounded."""
    with TaskManager(1, keep=2) as manager:
        items = [manager.submit(note, ([], ""))]
        for _ in range(5):
            items.append(manager.submit(note, ([], ""), depends_on=items[-1]))
            items[-1].wait(5)
        assert [len(item.dependencies) for item in items] == [0, 0, 0, 0, 1, 1]


def test_a_paused_item_remembers_what_it_waits_for(manager, gate) -> None:
    """Resumed, it waits on; what ended meanwhile is not waited for."""
    manager.submit(gate, name="gate")
    item = manager.submit(note, ([], ""), depends_on="gate")
    item.pause()
    item.resume()
    assert item.state is State.WAITING
    item.pause()
    gate.open.set()
    manager.get("gate").wait(5)
    assert item.state is State.PAUSED
    item.resume()
    item.wait(5)


def test_a_retry_lets_new_items_depend_on_it_and_revives_none(manager) -> None:
    """Skipped is final."""
    errors = [OSError()]

    @task
    def once() -> None:
        if errors:
            raise errors.pop()

    item = manager.submit(once, name="once")
    skipped = manager.submit(note, ([], ""), depends_on="once")
    manager.join()
    item.retry()
    after = manager.submit(note, ([], ""), depends_on="once")
    after.wait(5)
    assert skipped.state is State.SKIPPED
