"""The hook reference, held against the hook specs."""

from __future__ import annotations

import inspect
import re

import pytest

from pegboard import Order, hookspecs
from pegboard._call import Call

SPECS = {
    name: spec for name, spec in vars(hookspecs).items() if getattr(spec, "pegboard_spec", None) is not None
}
EFFECTS = ("sleep", "io", "offload", "timeout", "lock", "with_args", "emit")


@pytest.fixture(scope="module")
def reference(root) -> str:
    return (root / "docs" / "reference" / "hooks.md").read_text(encoding="utf-8")


def section(page: str, title: str) -> str:
    """Return the text under a heading of the second level."""
    _, _, rest = page.partition(f"\n## {title}\n")
    assert rest, f"there is no section {title!r}"
    return rest.partition("\n## ")[0]


def test_every_spec_is_documented_with_its_signature_in_order(reference) -> None:
    """A heading for each hook spec of the core, as it is written there, and none for anything else."""
    expected = [f"{name}({', '.join(inspect.signature(spec).parameters)})" for name, spec in SPECS.items()]
    assert re.findall(r"^### (.+)$", section(reference, "Hooks of the core"), re.MULTILINE) == expected


@pytest.mark.parametrize("name", SPECS)
def test_every_argument_of_a_spec_is_explained(reference, name: str) -> None:
    """Each parameter has a line of its own, with its type."""
    _, _, rest = reference.partition(f"\n### {name}(")
    text = rest.partition("\n### ")[0]
    for parameter in inspect.signature(SPECS[name]).parameters.values():
        assert re.search(rf"^- `{parameter.name}`: `[^`]+`", text, re.MULTILINE), parameter.name


def test_every_order_is_listed_with_its_number(reference) -> None:
    """The table of `Order` is that of the code."""
    _, _, rest = reference.partition("\n### Order\n")
    listed = {
        name: int(number)
        for name, number in re.findall(r"`?([A-Z]{3,})`? +\|? *`?(\d{3})", rest.partition("\n### ")[0])
    }
    assert listed == {order.name: order.value for order in Order}


@pytest.mark.parametrize("effect", EFFECTS)
def test_every_effect_of_a_call_is_listed(reference, effect: str) -> None:
    """What a layer may ask of `call` stands in the table, and is there in the code."""
    assert callable(getattr(Call, effect))
    assert f"call.{effect}(" in section(reference, "Effects of a call")
