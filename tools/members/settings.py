"""What the root's pyproject.toml has to list: where uv finds the members, and what their tests need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.members.blocks import replaced

if TYPE_CHECKING:
    from tools.members.folders import Member

PATH = "pyproject.toml"


def settings(text: str, members: list[Member]) -> str:
    """Write both lists into the text of the root's pyproject.toml."""
    text = replaced(text, "tests", test_requirements(members), PATH)
    return replaced(text, "sources", sources(members), PATH)


def test_requirements(members: list[Member]) -> str:
    """Write what the tests of any member need, as items of a group of requirements; members are there anyway."""
    ours = {f"pegboard-{member.name}" for member in members}
    needed = sorted(
        {
            line
            for member in members
            for line in member.test_requirements
            if line.partition("==")[0] not in ours
        }
    )
    return "".join(f'    "{line}",\n' for line in needed)


def sources(members: list[Member]) -> str:
    """Write that every member is of this workspace, as uv asks to be told."""
    names = ["core", *sorted(member.name for member in members)]
    return "".join(f"pegboard-{name} = {{ workspace = true }}\n" for name in names)
