"""Fenced blocks in a text, as Markdown writes them and models abbreviate them."""

from __future__ import annotations

import re

_FENCE = "```"
_MARK = re.compile(r"[\w+-]*")


def fenced_blocks(text: str) -> list[tuple[str, str]]:
    """Return the mark (`json`, in lower case, or "") and the content of each fenced block, in order.

    Fences may be on lines of their own or at either end of the content; the last one may be missing, as it is where
    an answer was cut. One pass, whatever the text.
    """
    blocks: list[tuple[str, str]] = []
    mark: str | None = None
    lines: list[str] = []
    for line in text.split("\n"):
        content = line.strip()
        if mark is None:
            if not content.startswith(_FENCE):
                continue
            mark, content = _opened(content)
            line = content  # noqa: PLW2901 - what is left of the line that opened the block
        if content.endswith(_FENCE):
            lines.append(line.rstrip().rstrip("`"))
            blocks.append((mark, "\n".join(lines).strip()))
            mark, lines = None, []
        else:
            lines.append(line)
    if mark is not None:
        blocks.append((mark, "\n".join(lines).strip()))
    return blocks


def _opened(line: str) -> tuple[str, str]:
    """Split a line that opens a block into the mark and the content after it."""
    rest = line.lstrip("`")
    found = _MARK.match(rest)
    mark = found[0] if found else ""
    return mark.lower(), rest[len(mark) :].strip()
