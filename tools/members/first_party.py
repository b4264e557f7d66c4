"""The core's one table of members: `core/src/pegboard/_first_party.py`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tools.members.folders import Member

PATH = "core/src/pegboard/_first_party.py"

HEAD = '''"""First-party options and plugins that `pegboard.<Name>` finds in their own distributions; written by `make members`."""

# ruff: noqa: TC004 - what type checkers are told to be exported is there for them alone

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # so that editors and type checkers see the real classes
'''


def first_party(members: list[Member]) -> str:
    """Write the module: dict literals for the running program, imports for type checkers."""
    owners = {name: member.name for member in members for name in member.provides}
    names = sorted(owners, key=in_order)
    by_package = sorted((member for member in members if member.provides), key=lambda member: member.package)
    plugins = sorted((member.name, member.plugin) for member in members if member.plugin)
    executors = sorted((executor, member.name) for member in members for executor in member.executors)
    (carrier,) = (member.name for member in members if member.carrier)
    return "".join(
        [
            HEAD,
            *(imported(member.package, sorted(member.provides, key=in_order)) for member in by_package),
            "\n    __all__ = [\n",
            *(f'        "{name}",\n' for name in names),
            "    ]\n",
            "\n# Public name -> folder of plugins/ or exporters/, which is also the extra and the entry-point name.\n",
            table("PROVIDED", ((name, owners[name]) for name in names)),
            "EXTRAS: frozenset[str] = frozenset(\n    (\n",
            *(f'        "{name}",\n' for name in sorted(member.name for member in members)),
            "    )\n)\n",
            "# Name of an executor -> the plugin that has it.\n",
            table("EXECUTORS", executors),
            "# The plugin that takes functions to executors that were handed in.\n",
            f'CARRIER = "{carrier}"\n',
            "# Name of a plugin -> its class in `pegboard_<name>`.\n",
            table("PLUGINS", plugins),
        ]
    )


def table(name: str, items: Iterable[tuple[str, str]]) -> str:
    """Write a dict of strings, as the formatter would."""
    rows = "".join(f'    "{key}": "{value}",\n' for key, value in items)
    return f"{name}: dict[str, str] = {{\n{rows}}}\n"


def imported(package: str, names: Iterable[str]) -> str:
    """Write the import of some names, one a line, as the linter would leave it."""
    rows = "".join(f"        {name},\n" for name in names)
    return f"    from {package} import (\n{rows}    )\n"


def in_order(name: str) -> tuple[bool, bool, str]:
    """Sort names as the linter does: constants, classes, functions."""
    return not (len(name) > 1 and name.isupper()), not name[0].isupper(), name
