"""The core's one table of members: `core/src/pegboard/_first_party.py`."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tools.members.folders import Member

PATH = "core/src/pegboard/_first_party.py"

HEAD = '''"""First-party options and plugins that `pegboard.<Name>` finds in their own distributions; written by `make members`."""

# ruff: noqa: I001, TC004 - one line a member; what type checkers are told to be exported is there for them alone
# fmt: off

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # so that editors and type checkers see the real classes
'''


def first_party(members: list[Member]) -> str:
    """Write the module: dict literals for the running program, imports for type checkers."""
    by_package = sorted((member for member in members if member.provides), key=lambda member: member.package)
    names = sorted((name for member in members for name in member.provides), key=in_order)
    plugins = sorted((member.name, member.plugin) for member in members if member.plugin)
    executors = sorted((executor, member.name) for member in members for executor in member.executors)
    (carrier,) = (member.name for member in members if member.carrier)
    return "".join(
        [
            HEAD,
            *(imported(member.package, sorted(member.provides, key=in_order)) for member in by_package),
            f"\n    __all__ = [\n{wrapped(names)}    ]\n",
            "\n# Folder of plugins/ or exporters/, which is also the extra -> names that `pegboard.<Name>` finds there.\n",
            "MEMBERS: dict[str, tuple[str, ...]] = {\n",
            *(
                f'    "{member.name}": {tuple_of(sorted(member.provides, key=in_order))},\n'
                for member in sorted_by_name(members)
            ),
            "}\n",
            "PROVIDED: dict[str, str] = {name: member for member, names in MEMBERS.items() for name in names}\n",
            "# Name of an executor -> the plugin that has it.\n",
            table("EXECUTORS", executors),
            "# The plugin that takes functions to executors that were handed in.\n",
            f'CARRIER = "{carrier}"\n',
            "# Name of a plugin -> its class in `pegboard_<name>`.\n",
            table("PLUGINS", plugins),
        ]
    )


def sorted_by_name(members: Iterable[Member]) -> list[Member]:
    """Sort members by the names of their folders."""
    return sorted(members, key=lambda member: member.name)


def tuple_of(names: Iterable[str]) -> str:
    """Write a tuple of strings."""
    quoted = [f'"{name}"' for name in names]
    return f"({', '.join(quoted)}{',' if len(quoted) == 1 else ''})"


def wrapped(names: Iterable[str]) -> str:
    """Write strings in lines that are not too long."""
    text = ", ".join(f'"{name}"' for name in names) + ","
    return "".join(f"        {line}\n" for line in textwrap.wrap(text, 100))


def table(name: str, items: Iterable[tuple[str, str]]) -> str:
    """Write a dict of strings."""
    text = ", ".join(f'"{key}": "{value}"' for key, value in items) + ","
    rows = "".join(f"    {line}\n" for line in textwrap.wrap(text, 104))
    return f"{name}: dict[str, str] = {{\n{rows}}}\n"


def imported(package: str, names: Iterable[str]) -> str:
    """Write the import of some names."""
    return f"    from {package} import {', '.join(names)}\n"


def in_order(name: str) -> tuple[bool, bool, str]:
    """Sort names as the linter does: constants, classes, functions."""
    return not (len(name) > 1 and name.isupper()), not name[0].isupper(), name
