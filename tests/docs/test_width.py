"""Every page is wrapped, so that a change of one sentence is a change of few lines."""

from __future__ import annotations

import re

WIDTH = 100
_GENERATED = re.compile(
    r"^<!-- make members: \w+ -->$.*?^<!-- make members: end -->$", re.MULTILINE | re.DOTALL
)
_BLOCK = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)


def too_long(page: str) -> list[str]:
    """Return the lines that are longer than they have to be: those that cannot break, tables and headings apart."""
    text = _BLOCK.sub("", _GENERATED.sub("", page))
    return [line for line in text.splitlines() if len(line) > WIDTH and not _stays_whole(line)]


def _stays_whole(line: str) -> bool:
    """Whether a line is a row of a table, or a heading, or one thing that cannot break, such as a link or code."""
    if line.lstrip().startswith(("|", "#")):
        return True
    item = re.sub(r"^ *(?:[-*]|\d+\.)? *", "", line)
    whole = re.sub(r"`[^`]+`", lambda code: code[0].replace(" ", "_"), item)
    return " " not in whole


def test_no_line_is_longer_than_it_has_to_be(page_of_repository) -> None:
    """At most 100 columns; blocks, tables, headings, and what `make members` writes are as long as they are."""
    assert too_long(page_of_repository.read_text(encoding="utf-8")) == []


def test_a_long_line_is_found() -> None:
    """Words are, and a link, a row, or a block is not."""
    words, link = "word " * 30, f"[a](https://example.org/{'x' * 100})"
    assert too_long(f"{words}\n\n- {words}\n") == [words, f"- {words}"]
    assert too_long(f"- {link}\n{link}\n| {words} |\n\n```text\n{words}\n```\n\n# {words}\n") == []
    assert too_long(f"<!-- make members: list -->\n{words}\n<!-- make members: end -->\n") == []
