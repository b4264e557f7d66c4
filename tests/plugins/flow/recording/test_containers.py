"""Placeholders in containers of classes of all sorts."""

from __future__ import annotations

import collections
from typing import NamedTuple, Self

import pytest

from pegboard import Session, task
from pegboard_flow import flow


@task
def one() -> int:
    return 1


@task
def keep(value: object) -> object:
    return value


class Named(dict):
    """A mapping with an attribute, and with arguments of its own."""

    def __init__(self, name: str, **items: object) -> None:
        super().__init__(items)
        self.name = name


class Stack(list):
    """A list with slots and arguments of its own."""

    __slots__ = ("depth",)

    def __init__(self, depth: int, *items: object) -> None:
        super().__init__(items)
        self.depth = depth


class Pair(tuple):  # noqa: SLOT001 - one with a `__dict__`
    """A tuple whose `__new__` takes its items apart."""

    def __new__(cls, left: object, right: object) -> Self:
        return super().__new__(cls, (left, right))


class Slotted(tuple):
    """One without a `__dict__`."""

    __slots__ = ()


class Tags(set):
    pass


class Frozen(frozenset):
    pass


class Point(NamedTuple):
    x: object
    y: object


class Sub(Point):
    """A subclass of a named tuple."""


class Nested(collections.OrderedDict):
    pass


CONTAINERS = {
    "OrderedDict": lambda one: collections.OrderedDict(b=0, a=one),
    "subclass of OrderedDict": lambda one: Nested(b=0, a=one),
    "defaultdict": lambda one: collections.defaultdict(list, a=one),
    "Counter": lambda one: collections.Counter({"a": one}),
    "dict with arguments": lambda one: Named("n", a=one),
    "list with arguments": lambda one: Stack(3, one, 2),
    "tuple with arguments": lambda one: Pair(one, 2),
    "tuple with slots": lambda one: Slotted((one,)),
    "namedtuple": lambda one: Point(one, 2),
    "subclass of a namedtuple": lambda one: Sub(one, 2),
    "set": lambda one: Tags([one, 2]),
    "frozenset": lambda one: Frozen([one, 2]),
    "key": lambda one: collections.OrderedDict([(one, "value"), (2, "other")]),
    "deep": lambda one: collections.OrderedDict(a=[Point(Stack(1, one), 2)]),
}


@pytest.mark.parametrize("make", CONTAINERS.values(), ids=CONTAINERS)
@pytest.mark.parametrize("way", ["handed to a task", "returned", "mapped over"])
def test_a_container_of_any_class_is_looked_into(make, way) -> None:
    """What the task gets is of the same class, in the same order, with the values in it."""

    @flow
    def body() -> object:
        value = make(one())
        if way == "mapped over":
            return keep.map([value])
        return keep(value) if way == "handed to a task" else value

    with Session():
        value = body()
    value = value[0] if way == "mapped over" else value
    expected = make(1)
    assert type(value) is type(expected)
    assert value == expected
    assert list(value) == list(expected)


def test_what_else_an_instance_has_comes_along() -> None:
    """The default of a `defaultdict`, attributes, slots."""

    @flow
    def body() -> object:
        tagged = Tags([one()])
        tagged.colour = "red"
        pair = Pair(one(), 2)
        pair.note = "kept"
        return collections.defaultdict(list, a=one()), Named("n", a=one()), Stack(3, one()), tagged, pair

    with Session():
        default, named, stack, tagged, pair = body()
    assert default["missing"] == []
    assert (named.name, stack.depth, tagged.colour, pair.note) == ("n", 3, "red", "kept")


def test_the_container_of_the_body_is_left_as_it_was() -> None:
    """A body may keep one and fill it further."""
    kept = collections.OrderedDict()

    @flow
    def body() -> object:
        kept["a"] = one()
        return keep(kept)

    with Session():
        assert body() == {"a": 1}
    assert "placeholder" in repr(kept["a"])


def test_a_container_without_placeholders_is_handed_on_itself() -> None:
    """Nothing is copied."""
    given = Stack(1, 2, 3)

    @flow
    def body() -> object:
        return keep(given)

    with Session():
        assert body() is given
