"""Where the documentation lists the members: README.md, the index, and the page of public names."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from tools.members.blocks import replaced

if TYPE_CHECKING:
    from tools.members.folders import Member

README = "README.md"
INDEX = "docs/index.md"
NAMES = "docs/reference/tasks-and-sessions.md"


def readme(text: str, members: list[Member]) -> str:
    """Write the table of plugins and exporters into the text of the README."""
    head = "| extra | hang on a session | put on a task | what it does |\n|---|---|---|---|\n"
    return replaced(text, "table", head + "".join(map(row, members)), README)


def row(member: Member) -> str:
    """Write the line of a member in the README's table."""
    on_a_task = [*member.options, *(f'On("{executor}")' for executor in member.executors)]
    cells = [
        f"[{member.name}]({member.folder}/README.md)",
        code([member.plugin] if member.plugin else []),
        code(on_a_task),
        member.description.removesuffix("."),
    ]
    return f"| {' | '.join(cells)} |\n".replace("|  |", "| |").replace("|  |", "| |")


def code(names: Iterable[str]) -> str:
    """Write names as code, with commas between."""
    return ", ".join(f"`{name}`" for name in names)


def index(text: str, members: list[Member], root: Path) -> str:
    """Write the list of members into the text of the index: of each the README, and its page of the reference."""
    return replaced(text, "list", "".join(entry(member, root) for member in members), INDEX)


def entry(member: Member, root: Path) -> str:
    """Write the line of a member in the index."""
    page = f"reference/{member.name}.md"
    reference = f" [Reference]({page})." if (root / "docs" / page).is_file() else ""
    return f"- [{member.name}](../{member.folder}/README.md): {member.description}{reference}\n"


def names(text: str, members: list[Member]) -> str:
    """Write the table of names that the members provide into the text of the page of public names."""
    head = "| name | extra | what it is |\n|---|---|---|\n"
    rows = (line for member in members for line in names_of(member))
    return replaced(text, "names", head + "".join(rows), NAMES)


def names_of(member: Member) -> Iterable[str]:
    """Write the lines of a member's names; the first has a link to it."""
    extra = f"[{member.name}](../../{member.folder}/README.md)"
    for name, what in member.provides.items():
        yield f"| `{name}` | {extra} | {what} |\n"
        extra = member.name
