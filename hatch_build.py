"""Build backend of the meta distribution `pegboard`: hatchling, with requirements taken from the members.

Every wheel and sdist requires the members by name and exact version. In a checkout those versions may not be
published, so when pip asks what to install (and only then) the answer points at the members' folders:
`pip install ".[retry]"` needs no index for Pegboard's own parts, and no path can get into a built file.
"""

from __future__ import annotations

import os
import re
import tempfile
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from hatchling.build import (
    build_editable,
    build_sdist,
    build_wheel,
    get_requires_for_build_editable,
    get_requires_for_build_sdist,
    get_requires_for_build_wheel,
)
from hatchling.metadata.plugin.interface import MetadataHookInterface

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]

CORE = "pegboard-core"
Settings = dict[str, Any] | None


class Members(MetadataHookInterface):
    """Requires the core; offers an extra per folder of plugins/ and exporters/, one per extra of these, and `all`.

    An sdist holds no member: there hatchling reads the same fields from PKG-INFO and does not call this.
    """

    def update(self, metadata: dict[str, Any]) -> None:
        """Fill in `dependencies` and `optional-dependencies`."""
        members = read_members(Path(self.root))
        if CORE not in members:
            raise FileNotFoundError(
                f"{self.root} holds neither core/pyproject.toml nor PKG-INFO, so the version of {CORE} is unknown. "
                "Build from a full checkout or from an sdist."
            )
        core = members.pop(CORE)
        metadata["dependencies"] = [core.pin]
        metadata["optional-dependencies"] = extras_of(members) | {
            "all": sorted(member.pin for member in members.values())
        }


class Member(NamedTuple):
    """One distribution of the workspace, as its pyproject.toml describes it."""

    folder: Path
    name: str
    version: str
    requires: tuple[str, ...]
    extras: dict[str, list[str]]

    @property
    def pin(self) -> str:
        """The requirement that a published file carries."""
        return f"{self.name}=={self.version}"

    @property
    def place(self) -> str:
        """The requirement that pip can follow inside this checkout."""
        return f"{self.name} @ {self.folder.resolve().as_uri()} "


def read_members(root: Path) -> dict[str, Member]:
    """Every member of the checkout at `root`, by distribution name; empty where there are none."""
    folders = [root / "core", *sorted(root.glob("plugins/*")), *sorted(root.glob("exporters/*"))]
    found = [read_member(folder) for folder in folders if (folder / "pyproject.toml").is_file()]
    return {member.name: member for member in found}


def read_member(folder: Path) -> Member:
    """The member in `folder`."""
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = (re.split(r"[^\w.-]", line.strip(), maxsplit=1)[0] for line in project["dependencies"])
    extras = project.get("optional-dependencies", {})
    return Member(folder, project["name"], project["version"], tuple(names), extras)


def extras_of(members: dict[str, Member]) -> dict[str, list[str]]:
    """The extras by which each member is asked for, such as `cache`, and with one of its own, such as `cache-redis`.

    A checkout has no other way to an extra of a member: `pegboard-cache[redis]` is found on an index alone.
    """
    offered: dict[str, list[str]] = {}
    for member in members.values():
        name, required = member.folder.name, pins(member, members)
        offered[name] = required
        offered |= {f"{name}-{extra}": [*required, *lines] for extra, lines in member.extras.items()}
    return offered


def pins(member: Member, members: dict[str, Member]) -> list[str]:
    """`member` and the plugins it needs.

    The members require each other by name, and only the meta distribution knows their folders. So an extra
    lists all of them; otherwise pip would ask an index for the second one.
    """
    needed = (pins(members[name], members) for name in member.requires if name in members)
    return sorted({member.pin}.union(*needed))


def prepare_metadata_for_build_wheel(metadata_directory: str, config_settings: Settings = None) -> str:
    """Write the metadata that requirements are resolved by, before a wheel is built (PEP 517)."""
    return prepare(metadata_directory, lambda folder: build_wheel(folder, config_settings))


def prepare_metadata_for_build_editable(metadata_directory: str, config_settings: Settings = None) -> str:
    """Write the metadata that requirements are resolved by, before an editable install (PEP 660)."""
    return prepare(metadata_directory, lambda folder: build_editable(folder, config_settings))


def prepare(metadata_directory: str, build: Callable[[str], str]) -> str:
    """Unpack the `.dist-info` of the wheel that `build` makes; for pip, with the members' folders in it.

    hatchling has such a hook too, but hides it from pip, so the wheel is the only public way to its metadata.
    """
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(Path(folder, build(folder))) as wheel:
        inside = [name for name in wheel.namelist() if ".dist-info/" in name]
        wheel.extractall(metadata_directory, inside)
    dist_info = inside[0].partition("/")[0]
    if "PIP_BUILD_TRACKER" in os.environ:  # Set by pip alone. uv finds the members by its own settings.
        point_at_folders(Path(metadata_directory, dist_info, "METADATA"))
    return dist_info


def point_at_folders(metadata: Path) -> None:
    """Replace every pin of a member of this checkout by its folder; an sdist has none."""
    text = metadata.read_text(encoding="utf-8")
    for member in read_members(Path.cwd()).values():
        text = text.replace(f"Requires-Dist: {member.pin}", f"Requires-Dist: {member.place}")
    metadata.write_text(text, encoding="utf-8")
