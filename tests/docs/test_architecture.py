"""The architecture, held against the code where it names what is there."""

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


def test_order_of_layers_is_that_of_the_code(architecture) -> None:
    """The table names every order, by its number, from the outside in."""
    rows = re.findall(r"^\| ([\d, ]+) \| ([\w, ]+) \|", architecture, re.MULTILINE)
    listed = [
        (name.strip().upper(), int(number))
        for numbers, names in rows
        for number, name in zip(numbers.split(","), names.split(","), strict=True)
    ]
    assert listed == [(order.name, order.value) for order in Order]
