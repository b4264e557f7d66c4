"""The explanations, held against the code where they name what is there."""

from __future__ import annotations

import re

import pytest

from pegboard import Order, hookspecs


@pytest.fixture(scope="module")
def architecture(root) -> str:
    return (root / "docs" / "explanation" / "architecture.md").read_text(encoding="utf-8")


def test_life_of_a_call_tells_every_event(architecture) -> None:
    """Every hook about a call or a group is in the life of a call."""
    life = architecture.partition("## The life of a call\n")[2].partition("\n## ")[0]
    events = [
        name for name, spec in vars(hookspecs).items() if getattr(spec, "pegboard_spec", None) is not None
    ]
    told = [name for name in events if not name.startswith("session_") and name != "bind"]
    assert [name for name in told if name not in life] == []


def test_order_of_layers_is_that_of_the_code(root) -> None:
    """The page on how policies compose has every order by its number, from the outside in; validation is told in two parts."""
    page = (root / "docs/explanation/how-policies-compose.md").read_text(encoding="utf-8")
    rows = {int(number): name for number, name in re.findall(r"^\| (\d+) \| (\w+) \|", page, re.MULTILINE)}
    assert list(rows) == sorted(rows)
    assert {order.value: rows.get(order.value) for order in Order} == {
        order.value: "outputs" if order is Order.VALIDATE else order.name.lower() for order in Order
    }
