"""Items found by name and id, and forgotten."""

from __future__ import annotations

import pytest

from pegboard import task
from pegboard_queue import (
    DuplicateItem,
    Item,
    State,
    TaskManager,
    UnknownItem,
)


@task
def double(x: int) -> int:
    return 2 * x


def test_names_and_ids_find_an_item(manager) -> None:
    """An unknown one raises."""
    item = manager.submit(double, (1,), name="one")
    item.wait(5)
    assert manager.get("one") is manager.get(item.id) is manager.get(item) is item
    for wanted in ("two", f"{manager.id}-99", "other-1", Item(double, (1,))):
        with pytest.raises(UnknownItem):
            manager.get(wanted)


def test_a_name_that_several_items_have_finds_none(manager) -> None:
    """Better no answer than one by chance."""
    manager.submit(double, (1,))
    manager.submit(double, (2,))
    with pytest.raises(UnknownItem, match="2 items are called 'double'"):
        manager.get("double")


def test_a_given_name_is_for_one_item_at_a_time(manager, gate) -> None:
    """The name is free again when that item has ended."""
    first = manager.submit(gate, name="nightly")
    with pytest.raises(DuplicateItem):
        manager.submit(double, (1,), name="nightly")
    assert manager.statistics().submitted == 1
    gate.open.set()
    first.wait(5)
    second = manager.submit(double, (1,), name="nightly")
    assert manager.get("nightly") is second
    assert manager.get(first.id) is first


def test_only_so_many_ended_items_are_kept(session) -> None:
    """`keep`: the counts go on, and an item in hand stays whole."""
    with TaskManager(1, keep=2) as manager:
        items = [manager.submit(double, (index,)) for index in range(5)]
        manager.join()
        assert manager.list() == items[3:]
        assert manager.statistics().completed == 5
        assert items[0].wait() == 0
        with pytest.raises(UnknownItem, match="keep"):
            manager.get(items[0].id)


def test_a_forgotten_item_is_known_again_when_it_is_retried(session) -> None:
    """`keep`."""
    errors = [ValueError()]

    @task
    def once() -> None:
        if errors:
            raise errors.pop()

    with TaskManager(1, keep=0) as manager:
        item = manager.submit(once)
        with pytest.raises(ValueError):
            item.wait(5)
        item.retry()
        item.wait(5)
        assert manager.statistics().completed == 1
        assert manager.list() == []


@pytest.mark.parametrize("keep", [0, 1, 2])
@pytest.mark.parametrize("fails", [False, True], ids=["completes", "fails"])
def test_what_stands_behind_a_forgotten_item_is_not_forgotten(session, keep: int, fails: bool) -> None:
    """A chain and a fan behind it run, or are skipped, to their ends, however little is remembered."""
    with TaskManager(2, keep=keep) as manager:
        manager.pause()
        first = manager.submit(divmod, (1, 0 if fails else 1))
        items = [first]
        for _ in range(5):
            items.append(manager.submit(divmod, (1, 1), depends_on=[items[-1]]))
        items += [manager.submit(divmod, (1, 1), depends_on=[items[2]]) for _ in range(5)]
        manager.resume()
        manager.join(10)
    expected = [State.FAILED] + [State.SKIPPED] * 10 if fails else [State.COMPLETED] * 11
    assert [item.state for item in items] == expected
