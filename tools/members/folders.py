"""What the members say of themselves: each in its own folder, in its own pyproject.toml."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

GROUP = "pegboard.plugins"
TABLE = "pegboard-member"  # [tool.pegboard] is a session's configuration, read by whoever runs a task below that folder
CORE_KEYS = {"public-modules", "names-members"}
MEMBER_KEYS = {"provides", "executors", "carrier", "public-modules", "engine-modules", "core-modules"}
WHY_PROVIDES = (
    'it tells what `pegboard.<Name>` finds in this member: a table of Name = "what it is", or {} for nothing'
)


class Refused(Exception):  # noqa: N818 - its text is all that is seen of it
    """A member does not say what is needed to list it, or says what another one says."""


@dataclass(frozen=True)
class Core:
    """The core, as `core/pyproject.toml` describes it.

    Attributes:
        public_modules: Its modules that every member may import, beside `pegboard` itself.
        names_members: Its modules that import members where only type checkers look.
    """

    public_modules: tuple[str, ...]
    names_members: tuple[str, ...]


@dataclass(frozen=True)
class Member:
    """A folder of plugins/ or exporters/, as its pyproject.toml describes it.

    Attributes:
        folder: Seen from the root: `plugins/retry`.
        name: Of the folder, which is also the extra and the plugin's name: `retry`.
        description: What it does, in one sentence.
        plugin: The class behind its entry point; None where it brings no plugin.
        provides: Name that `pegboard.<Name>` finds in it -> what that is. The plugin's class is one of them.
        executors: Names of executors that it has.
        carrier: Whether it takes functions to executors that were handed in.
        requires: Names of the members that it requires.
        public_modules: Its modules that exporters may import, beside the package itself.
        engine_modules: Its modules that other engines, which are plugins too, may import.
        core_modules: Modules of the core that are not public, and that this member stands on all the same.
        test_requirements: What its tests need beside what it requires.
    """

    folder: str
    name: str
    description: str
    plugin: str | None
    provides: dict[str, str]
    executors: tuple[str, ...]
    carrier: bool
    requires: tuple[str, ...]
    public_modules: tuple[str, ...]
    engine_modules: tuple[str, ...]
    core_modules: tuple[str, ...]
    test_requirements: tuple[str, ...]

    @property
    def package(self) -> str:
        """What is imported: `pegboard_retry`."""
        return f"pegboard_{self.name}"

    @property
    def is_exporter(self) -> bool:
        """Whether it stands below exporters/."""
        return self.folder.startswith("exporters/")

    @property
    def options(self) -> list[str]:
        """The names that are put on a task."""
        return [name for name, what in self.provides.items() if what.startswith("option")]


def read_core(root: Path) -> Core:
    """Read what the core says of itself."""
    declared = _declared(_read(root, "core"), "core", CORE_KEYS)
    return Core(tuple(declared.get("public-modules", ())), tuple(declared.get("names-members", ())))


def read_members(root: Path) -> list[Member]:
    """Read every plugin, then every exporter, each kind by name.

    Raises:
        Refused: A field is missing or unknown, or two members claim the same.
    """
    projects = [
        *sorted(root.glob("plugins/*/pyproject.toml")),
        *sorted(root.glob("exporters/*/pyproject.toml")),
    ]
    members = [read_member(root, project.parent.relative_to(root).as_posix()) for project in projects]
    one_for_each(members, lambda member: [f"the name {member.name!r}"])
    one_for_each(members, lambda member: [f"`pegboard.{name}`" for name in member.provides])
    one_for_each(members, lambda member: [f"the executor {name!r}" for name in member.executors])
    one_for_each(members, lambda member: ["`carrier = true`"] * member.carrier)
    if not any(member.carrier for member in members):
        raise Refused(
            f"no member has `carrier = true` in [tool.{TABLE}], so nothing serves executors handed in."
        )
    return members


def one_for_each(members: Iterable[Member], claims: Callable[[Member], Iterable[str]]) -> None:
    """Refuse two members that claim the same."""
    owners: dict[str, Member] = {}
    for member in members:
        for claim in claims(member):
            owner = owners.setdefault(claim, member)
            if owner is not member:
                raise Refused(f"{owner.folder} and {member.folder} both claim {claim}; only one can have it.")


def read_member(root: Path, folder: str) -> Member:
    """Read what one member says of itself.

    Raises:
        Refused: A field is missing or unknown.
    """
    pyproject = _read(root, folder)
    project = pyproject.get("project", {})
    declared = _declared(pyproject, folder, MEMBER_KEYS)
    name = folder.rpartition("/")[2]
    plugin = _plugin(project, folder, name)
    kind = folder.partition("/")[0].removesuffix("s")
    provides = _needed(declared, "provides", folder, f"tool.{TABLE}", WHY_PROVIDES)
    return Member(
        folder=folder,
        name=name,
        description=_needed(project, "description", folder, "project", "README.md and docs/index.md show it"),
        plugin=plugin,
        provides=provides if plugin is None or plugin in provides else {**provides, plugin: kind},
        executors=tuple(declared.get("executors", ())),
        carrier=declared.get("carrier", False),
        requires=tuple(sorted(_required(project))),
        public_modules=tuple(declared.get("public-modules", ())),
        engine_modules=tuple(declared.get("engine-modules", ())),
        core_modules=tuple(declared.get("core-modules", ())),
        test_requirements=tuple(pyproject.get("dependency-groups", {}).get("test", ())),
    )


def _read(root: Path, folder: str) -> dict[str, Any]:
    return tomllib.loads((root / folder / "pyproject.toml").read_text(encoding="utf-8"))


def _declared(pyproject: dict[str, Any], folder: str, known: set[str]) -> dict[str, Any]:
    declared: dict[str, Any] = pyproject.get("tool", {}).get(TABLE, {})
    for key in declared:
        if key not in known:
            raise Refused(
                f"{folder}/pyproject.toml has `{key}` in [tool.{TABLE}], which means nothing there; "
                f"what does: {', '.join(sorted(known))}."
            )
    return declared


def _needed(table: dict[str, Any], key: str, folder: str, where: str, why: str) -> Any:
    if key not in table:
        raise Refused(f"{folder}/pyproject.toml has no `{key}` in [{where}]; {why}.")
    return table[key]


def _plugin(project: dict[str, Any], folder: str, name: str) -> str | None:
    """Name the class behind the entry point: of the package itself, where the core looks for it by its name."""
    entries: dict[str, str] = project.get("entry-points", {}).get(GROUP, {})
    if not entries:
        return None
    module, _, cls = entries.get(name, "").partition(":")
    if len(entries) > 1 or module != f"pegboard_{name}" or not cls:
        raise Refused(
            f"{folder}/pyproject.toml has {entries} as entry points of {GROUP}; a member has one, named after its "
            f'folder, to a class of its package: {name} = "pegboard_{name}:Class".'
        )
    return cls


def _required(project: dict[str, Any]) -> set[str]:
    """Name the members that a member requires, the core left out."""
    names = (re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in project.get("dependencies", ()))
    return {name.removeprefix("pegboard-") for name in names if name.startswith("pegboard-")} - {"core"}
