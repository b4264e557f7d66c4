"""Links between pages, and to files of the repository."""

from __future__ import annotations

import re

_LINK = re.compile(r"\[[^\]]+\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")


def test_every_link_leads_somewhere(page) -> None:
    """A relative link names a file or folder that is there."""
    lost = [
        target
        for target in _LINK.findall(page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]
    assert lost == []
