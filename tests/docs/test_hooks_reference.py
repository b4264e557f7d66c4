"""The pages on hooks, held against the hook specs."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from pegboard import Order, hookspecs
from pegboard.calls.call import Call
from pegboard.discovery import installed

SPECS = {
    name: spec for name, spec in vars(hookspecs).items() if getattr(spec, "pegboard_spec", None) is not None
}
EFFECTS = ("sleep", "io", "offload", "timeout", "lock", "with_args", "emit")


@pytest.fixture(scope="module")
def reference(root) -> str:
    return (root / "docs/reference/hooks.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def around(root) -> str:
    """The page on what `bind` returns and what a layer may ask of a call."""
    return (root / "docs/reference/layers-scopes-and-effects.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def brought(root) -> str:
    """What is written about the hooks that first-party plugins bring."""
    page = (root / "docs/reference/plugin-hooks.md").read_text(encoding="utf-8")
    return section(page, "Hooks that first-party plugins bring")


def specs_of_plugins() -> dict[str, tuple[object, set[str]]]:
    """Return the specs that first-party plugins bring by name, and the classes of those that bring them."""
    found: dict[str, tuple[object, set[str]]] = {}
    for entries in installed().values():
        for name, spec in vars(getattr(entries[0].load(), "hookspecs", object)).items():
            if getattr(spec, "pegboard_spec", None) is not None:
                found.setdefault(name, (spec, set()))[1].add(entries[0].attr)
    return found


BROUGHT = specs_of_plugins()


def part(page: str, name: str) -> str:
    """Return what is written about one hook spec."""
    _, _, rest = page.partition(f"\n### {name}(")
    assert rest, f"there is no heading for {name}"
    return re.split(r"\n##+ ", rest)[0]


def sources(root: Path) -> dict[str, str]:
    """Return the code of every first-party plugin, and of the parts of the testing kit that watch, by class name."""
    kit = root / "core/src/pegboard/testing"
    found = {"Recorder": [kit / "_recorder.py"], "FakeClock": [kit / "_clock.py"]}
    for name, entries in installed().items():
        found[entries[0].attr] = [
            *root.glob(f"plugins/{name}/src/*/**/*.py"),
            *root.glob(f"exporters/{name}/src/*/**/*.py"),
        ]
    return {
        user: "\n".join(file.read_text(encoding="utf-8") for file in files) for user, files in found.items()
    }


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
    """Each parameter has a line of its own, with the type that it has in the code, in the same order."""
    parameters = inspect.signature(SPECS[name]).parameters.values()
    expected = [(parameter.name, parameter.annotation) for parameter in parameters]
    assert re.findall(r"^- `(\w+)`: `([^`]+)`", part(reference, name), re.MULTILINE) == expected


@pytest.mark.parametrize("name", SPECS)
def test_users_of_a_hook_are_all_named(reference, root, name: str) -> None:
    """First-party plugins and the testing kit's parts are named as users or emitters where their code mentions the hook."""
    named = re.findall(r"(?:Users:|Emitted by)\s((?:`\w+`(?:,\s)?)+)", part(reference, name))
    users = re.findall(r"`(\w+)`", " ".join(named))
    expected = {user for user, source in sources(root).items() if re.search(rf"(def |\"){name}\b", source)}
    assert sorted(users) == sorted(expected)


def test_hooks_that_plugins_bring_are_documented(brought) -> None:
    """Every spec of a first-party plugin has a heading with its signature, by name, and nothing else has one."""
    expected = [
        f"{name}({', '.join(inspect.signature(spec).parameters)})"
        for name, (spec, _) in sorted(BROUGHT.items())
    ]
    assert re.findall(r"^### (.+)$", brought, re.MULTILINE) == expected


@pytest.mark.parametrize("name", BROUGHT)
def test_whoever_brings_a_hook_is_named(brought, name: str) -> None:
    """Its part begins with the plugins that have its spec."""
    first = part(f"\n{brought}", name).partition("\n\n")[2].partition(". ")[0]
    assert first.startswith("Brought by ")
    assert set(re.findall(r"`(\w+)`", first)) == BROUGHT[name][1]


def test_every_order_is_listed_with_its_number(around) -> None:
    """The table of `Order` is that of the code."""
    listed = {
        name: int(number)
        for name, number in re.findall(r"`Order\.([A-Z]+)` \| (\d+)", section(around, "Order"))
    }
    assert listed == {order.name: order.value for order in Order}


@pytest.mark.parametrize("effect", EFFECTS)
def test_every_effect_of_a_call_is_listed(around, effect: str) -> None:
    """What a layer may ask of `call` stands in the table, and is there in the code."""
    assert callable(getattr(Call, effect))
    assert f"call.{effect}(" in section(around, "Effects of a call")
