"""Placeholders refuse to be looked into, and say what to do instead."""

from __future__ import annotations

import copy
import operator
import pickle

import pytest

from pegboard import task
from pegboard_flow import PlaceholderError, flow

load = task(lambda: [1], name="load")
keep = task(lambda value: value, name="keep")


@pytest.mark.parametrize(
    "look",
    [
        bool,
        list,
        len,
        str,
        int,
        float,
        next,
        reversed,
        copy.copy,
        pickle.dumps,
        operator.neg,
        lambda p: p + 1,
        lambda p: 1 + p,
        lambda p: p == 1,
        lambda p: p != 1,
        lambda p: p < 2,
        lambda p: p[0],
        lambda p: 1 in p,
        lambda p: p.upper(),
        lambda p: p(),
        lambda p: f"{p}",
        lambda p: f"{p:>3}",
        lambda p: operator.iadd(p, 1),
        lambda p: [*p],
        lambda p: {**p},
        lambda p: "yes" if p else "no",
        lambda p: p.__enter__(),
    ],
)
def test_a_placeholder_refuses_to_be_looked_into(look) -> None:
    """Truth, iteration, arithmetic, attributes and the like, naming the node."""

    @flow
    def body():
        return look(load())

    with pytest.raises((PlaceholderError, TypeError), match=r"placeholder of load|Placeholder") as caught:
        body()
    assert getattr(caught.value, "node", "load") == "load"


def test_the_refusal_says_what_to_do() -> None:
    """Advice fits what was tried."""
    for look, advice in ((bool, "condition on an edge"), (list, r"task\.map"), (len, "Do it in a task")):
        with pytest.raises(PlaceholderError, match=advice):
            flow(lambda look=look: look(load()))()


def test_a_placeholder_has_a_repr_and_no_attributes() -> None:
    """For debugging, and for code that only asks whether something is there."""

    @flow
    def body():
        placeholder = load()
        assert repr(placeholder) == "<placeholder of load>"
        assert not hasattr(placeholder, "read")
        return {placeholder: 1}

    with pytest.raises(TypeError, match="unhashable"):  # the real value is a list
        body()


def test_a_placeholder_of_another_run_is_refused() -> None:
    """It holds only in the body that made it."""
    kept = []

    @flow
    def leak():
        kept.append(load())

    leak()
    with pytest.raises(PlaceholderError, match="another run"):
        flow(lambda: keep(kept[0]))()


def test_a_parameter_of_a_drawing_refuses_too() -> None:
    """A body that looks at its arguments is drawn with them."""

    @flow
    def body(days):
        return [keep(day) for day in days]

    with pytest.raises(PlaceholderError, match="parameter 'days'"):
        body.dot()
    assert body.dot([1, 2]).count("keep") == 2
