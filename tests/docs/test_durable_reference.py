"""The page on durable runs, held against the code."""

from __future__ import annotations

import inspect
import re

import attrs
import pytest

import pegboard_durable
from pegboard import PegboardError
from pegboard_durable import Durability, Durable, Run, Status
from pegboard_durable._commands import durable
from pegboard_durable.journal.tables import metadata


@pytest.fixture(scope="module")
def reference(root) -> str:
    return (root / "docs/reference/durable.md").read_text(encoding="utf-8")


def part(page: str, title: str) -> str:
    """Return the text under a heading."""
    _, found, rest = page.partition(f"\n## {title}\n")
    assert found, f"there is no heading {title!r}"
    return rest.partition("\n## ")[0]


def rows(text: str) -> list[str]:
    """Return the first cells of the tables in a text, but for their heads."""
    return re.findall(r"^\| (`.+?) \|", text, re.MULTILINE)


@pytest.mark.parametrize("name", pegboard_durable.__all__)
def test_every_public_name_is_there(reference, name: str) -> None:
    """By itself, called, or in a table."""
    assert re.search(rf"`{name}[`(\[]|^## {name}$", reference, re.MULTILINE)


def test_every_field_of_the_option_is_listed(reference) -> None:
    """In their order."""
    listed = [row.strip("`") for row in rows(part(reference, "Durable"))]
    assert listed == [field.name for field in attrs.fields(Durable)]


def test_every_argument_of_the_plugin_is_listed(reference) -> None:
    """In their order, before its methods."""
    arguments = part(reference, "Durability").partition("| method |")[0]
    assert [row.strip("`") for row in rows(arguments)] == list(inspect.signature(Durability).parameters)


def test_every_method_of_the_plugin_is_there(reference) -> None:
    """Those for hooks apart."""
    section = part(reference, "Durability")
    methods = [
        name
        for name, value in vars(Durability).items()
        if inspect.isfunction(value) and not name.startswith("_") and not hasattr(value, "pegboard_impl")
    ]
    assert [name for name in methods if not re.search(rf"`{name}[`(]", section)] == []


def test_every_attribute_of_a_run_is_listed(reference) -> None:
    """And the method."""
    listed = re.findall(r"`(\w+)", " ".join(rows(part(reference, "Run"))))
    assert listed == [*(field.name for field in attrs.fields(Run)), "unwrap"]


def test_every_status_is_listed(reference) -> None:
    """In the order of the code."""
    assert [row.strip("`") for row in rows(part(reference, "Status"))] == [str(each) for each in Status]


def test_every_table_is_listed(reference) -> None:
    """By its name in the database."""
    assert sorted(row.strip("`") for row in rows(part(reference, "Tables"))) == sorted(metadata.tables)


def test_every_command_is_listed_with_its_options(reference) -> None:
    """Of the command line."""
    section = part(reference, "Command line")
    listed = [row.split()[2].strip("`") for row in rows(section)]
    assert sorted(listed) == sorted(durable.commands)
    options = {
        option
        for command in durable.commands.values()
        for parameter in command.params
        for option in parameter.opts
        if option.startswith("--")
    }
    assert sorted(option for option in options if option not in section) == []


def test_every_error_is_listed_with_its_attributes(reference) -> None:
    """Those that are no `Exception`, too."""
    listed = dict(re.findall(r"^\| `(\w+)` \| .+? \|(.*)\|$", part(reference, "Errors"), re.MULTILINE))
    found = {name: getattr(pegboard_durable, name) for name in pegboard_durable.__all__}
    errors = {
        name: cls
        for name, cls in found.items()
        if isinstance(cls, type) and issubclass(cls, BaseException) and name != "DurableError"
    }
    assert {name: re.findall(r"`(\w+)`", text) for name, text in listed.items()} == {
        name: own_attributes(cls) for name, cls in errors.items()
    }


def own_attributes(cls: type) -> list[str]:
    """Return the facts that an error of this class carries, in order."""
    declared = [name for base in cls.__mro__ for name in vars(base).get("__annotations__", {})]
    of_all = PegboardError.__annotations__
    return [name for name in declared if name not in of_all and name not in ("retryable", "label")]
