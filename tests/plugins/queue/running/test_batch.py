"""Items that are submitted together."""

from __future__ import annotations

import itertools

import pytest

from pegboard import task
from pegboard_queue import CyclicDependency, DuplicateItem, IllegalTransition, Item, State, UnknownItem


@task
def note(order: list[str], name: str) -> None:
    order.append(name)


@task
async def anote(order: list[str], name: str) -> None:
    order.append(name)


def test_items_of_a_list_may_name_what_comes_later_in_it(manager) -> None:
    """By name, by item and by id."""
    order: list[str] = []
    last = Item(note, (order, "c"), name="c", depends_on="b")
    middle = Item(anote, (order, "b"), name="b")
    first = Item(note, (order, "a"), name="a")
    middle_after = Item(note, (order, "d"), depends_on=[last, middle.id])
    given = manager.submit([middle_after, last, middle, first])
    manager.join(5)
    assert given == [middle_after, last, middle, first]
    assert order.index("b") < order.index("c") < order.index("d")
    assert last.dependencies == (middle,)
    assert middle_after.dependencies == (last, middle)


def test_an_item_alone_may_say_what_it_depends_on(manager) -> None:
    """What `submit` is told comes on top."""
    order: list[str] = []
    one = manager.submit(note, (order, "one"), name="one")
    two = manager.submit(note, (order, "two"), name="two")
    item = Item(note, (order, "three"), depends_on="one")
    assert item.dependencies == ()
    assert manager.submit(item, depends_on=[two]) is item
    item.wait(5)
    assert item.dependencies == (one, two)


def test_a_list_may_depend_on_something_as_a_whole(manager) -> None:
    """And on what the manager has already."""
    order: list[str] = []
    first = manager.submit(note, (order, "first"), name="first")
    items = manager.submit([Item(note, (order, each)) for each in "ab"], depends_on="first")
    manager.join(5)
    assert order == ["first", "a", "b"]
    assert [item.dependencies for item in items] == [(first,)] * 2


def test_a_cycle_in_a_list_is_refused_with_its_path(manager) -> None:
    """In the order in which they would run; nothing of the list is taken."""
    items = [
        Item(note, ([], ""), name="begin"),
        Item(note, ([], ""), name="a", depends_on=["begin", "c"]),
        Item(note, ([], ""), name="b", depends_on="a"),
        Item(note, ([], ""), name="c", depends_on="b"),
        Item(note, ([], ""), name="after", depends_on="c"),
    ]
    with pytest.raises(CyclicDependency) as caught:
        manager.submit(items)
    path = caught.value.path
    assert path[0] == path[-1]
    assert set(path) == {"a", "b", "c"}
    assert all((one, two) in {("a", "b"), ("b", "c"), ("c", "a")} for one, two in itertools.pairwise(path))
    assert manager.list() == []
    assert {item.state for item in items} == {State.PENDING}


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: [Item(note, ([], ""), depends_on="nobody")], UnknownItem),
        (lambda: [Item(note, ([], ""), name="a", depends_on="a")], CyclicDependency),
        (lambda: [Item(note, ([], ""), name="a"), Item(note, ([], ""), name="a")], DuplicateItem),
        (lambda: [Item(note, ([], ""))] * 2, ValueError),
        (lambda: [Item(note, ([], "")), note], TypeError),
        (
            lambda: [
                Item(note, ([], "")),
                Item(note, ([], "")),
                Item(note, ([], ""), name="b", depends_on="note"),
            ],
            UnknownItem,
        ),
    ],
    ids=["unknown", "itself", "two of a name", "twice", "no item", "several of a name"],
)
def test_a_list_is_taken_as_a_whole_or_not_at_all(manager, make, error) -> None:
    """One that cannot be taken refuses the others, too."""
    with pytest.raises(error):
        manager.submit(make())
    assert manager.list() == []
    assert manager.statistics().submitted == 0


def test_a_list_that_was_refused_may_be_mended_and_submitted(manager) -> None:
    """Nothing was noted of it."""
    order: list[str] = []
    items = [Item(note, (order, "a"), depends_on="b")]
    with pytest.raises(UnknownItem):
        manager.submit(items)
    manager.submit([*items, Item(note, (order, "b"), name="b")])
    manager.join(5)
    assert order == ["b", "a"]
    with pytest.raises(IllegalTransition):
        manager.submit(items)


def test_an_empty_list_submits_nothing(manager) -> None:
    """And is no mistake."""
    assert manager.submit([]) == []


def test_a_list_behind_a_failure_is_skipped(manager) -> None:
    """Also what stands behind it in the list."""
    bad = manager.submit(divmod, (1, 0), name="bad")
    manager.join(5)
    items = manager.submit(
        [Item(note, ([], ""), name="b", depends_on="a"), Item(note, ([], ""), name="a", depends_on="bad")]
    )
    manager.join(5)
    assert bad.state is State.FAILED
    assert [item.state for item in items] == [State.SKIPPED] * 2


def test_a_large_list_is_put_in_order_in_no_time(manager) -> None:
    """Each of 5,000 depends on the next."""
    items = [
        Item(note, ([], ""), name=f"n{n}", depends_on=[f"n{n + 1}"] if n < 4999 else ()) for n in range(5000)
    ]
    manager.submit(items)
    manager.join(60)
    assert {item.state for item in items} == {State.COMPLETED}
