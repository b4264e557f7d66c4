"""Links between pages, and to files of the repository."""

from __future__ import annotations

import re
from pathlib import Path

_LINK = re.compile(r"\[[^\]]+\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)")
_CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def text_of(page: Path) -> str:
    """Return a page without its blocks."""
    return _CODE.sub("", page.read_text(encoding="utf-8"))


def links_of(page: Path) -> list[tuple[Path, str]]:
    """Return the file and the anchor of every link that stays in the repository."""
    found = _LINK.findall(text_of(page))
    return [((page.parent / target).resolve() if target else page, anchor) for target, anchor in found]


def anchors_of(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them.

    Of a repeated heading the first has it; those after it are numbered, in another way by every renderer, so none leads there.
    """
    headings = re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def is_lost(target: Path, anchor: str) -> bool:
    """Whether a link leads nowhere: no such file or folder, or no such heading in it."""
    return not target.exists() or bool(anchor and (target.is_dir() or anchor not in anchors_of(target)))


def test_every_link_leads_somewhere(page_of_repository) -> None:
    """A relative link names a file or folder that is there, and its anchor a heading of that file."""
    links = links_of(page_of_repository)
    assert [f"{target}#{anchor}" for target, anchor in links if is_lost(target, anchor)] == []


def test_every_page_is_in_the_index(root, pages) -> None:
    """Whoever begins at the index can reach every page, and every README of a plugin or exporter."""
    linked = {target for target, _ in links_of(root / "docs" / "index.md")}
    readmes = [*root.glob("plugins/*/README.md"), *root.glob("exporters/*/README.md")]
    assert [page for page in [*pages, *readmes] if page not in {*linked, root / "docs" / "index.md"}] == []


def test_a_lost_link_is_found(tmp_path) -> None:
    """The functions of this module see files that are missing, and anchors that no heading makes."""
    page = tmp_path / "page.md"
    page.write_text(
        "# The page\n\n[a](b.md) [b](#the-page) [c](https://x.org)\n\n```text\n[d](e.md)\n# not one\n```\n## The page\n"
    )
    assert links_of(page) == [(tmp_path / "b.md", ""), (page, "the-page")]
    assert anchors_of(page) == {"the-page"}
    lost = [(tmp_path / "b.md", ""), (page, "a-page"), (page, "the-page-1"), (tmp_path, "the-page")]
    assert all(is_lost(target, anchor) for target, anchor in lost)
    assert not is_lost(page, "the-page")
