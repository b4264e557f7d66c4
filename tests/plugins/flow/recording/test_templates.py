"""Placeholders in what a body hands to its tasks."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from pegboard import task
from pegboard_flow import flow

ran: list[str] = []


@task
def double(x: int) -> int:
    return 2 * x


@task
def keep(*args: object, **kwargs: object) -> object:
    ran.append("keep")
    return args, kwargs


class Point(NamedTuple):
    x: int
    y: int


@pytest.fixture(autouse=True)
def nothing_ran():
    """Forget what ran before."""
    ran.clear()


def test_placeholders_are_found_in_containers() -> None:
    """In lists, dicts, tuples and sets, also nested, in arguments, keywords and what is returned."""

    @flow
    def nested(x):
        one, two = double(x), double(x + 1)
        kept = keep([one, (two, "text")], {"k": {one, 7}}, last=frozenset({two}))
        return {"kept": kept, one: [two]}

    value = nested(1)
    assert value == {"kept": (([2, (4, "text")], {"k": {2, 7}}), {"last": frozenset({4})}), 2: [4]}


def test_a_named_tuple_stays_one() -> None:
    """A tuple with named fields is rebuilt as what it was."""

    @flow
    def place():
        return keep(Point(double(1), 5))

    ((value,), _) = place()
    assert (type(value), value.x) == (Point, 2)
