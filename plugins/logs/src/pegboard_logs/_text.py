"""Texts that can neither break a line nor steer a terminal."""

from __future__ import annotations

import re

# Control characters; line and paragraph separators; marks that turn the direction of writing; halves of surrogate pairs.
_STEERING = "\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff"
_ANY = re.compile(f"[{_STEERING}]")
_NO_LINE_BREAK = re.compile(f"(?![\n\t])[{_STEERING}]")
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    return _SHORT.get(character) or character.encode("unicode_escape", "backslashreplace").decode()


def escaped(text: str) -> str:
    """Write `text` in one line."""
    return text if text.isprintable() else _ANY.sub(_escape, text)


def escaped_lines(text: str) -> str:
    """Escape all that `escaped` does, but for line breaks and tabs: for stack traces."""
    return _NO_LINE_BREAK.sub(_escape, text)
