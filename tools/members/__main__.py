"""`python -m tools.members`: write what changed, and say which files that were."""

from __future__ import annotations

import sys
from pathlib import Path

from tools.members import contracts, first_party, pages, settings
from tools.members.folders import Refused, read_core, read_members


def main(root: Path) -> str | None:
    """Bring every list up to date; return what is wrong with a member, if something is."""
    try:
        written = texts(root)
    except Refused as refused:
        return f"make members: {refused}"
    for name, text in written.items():
        path = root / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(f"make members: wrote {name}")
    return None


def texts(root: Path) -> dict[str, str]:
    """Write the text of every file that lists members, by its path."""
    core, members = read_core(root), read_members(root)

    def now(name: str) -> str:
        return (root / name).read_text(encoding="utf-8")

    return {
        first_party.PATH: first_party.first_party(members),
        contracts.PATH: contracts.contracts(core, members),
        settings.PATH: settings.settings(now(settings.PATH), members),
        pages.README: pages.readme(now(pages.README), members),
        pages.INDEX: pages.index(now(pages.INDEX), members, root),
        pages.NAMES: pages.names(now(pages.NAMES), members),
    }


if __name__ == "__main__":
    sys.exit(main(Path(__file__).resolve().parents[2]))
