"""Texts that can be shown anywhere: in one line, without control characters, cut, and in what the stream can hold.

For whatever takes names, messages and values out: terminals, logs, spans, files. Nothing here knows secrets; mask before.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable

JOINERS = "\u200c\u200d"
"""Join and part the letters of some languages, and the parts of an emoji: not printable, and harmless in a name."""

_LIKE_YOU = ("eu", "one", "uni", "usa", "use", "usu", "ut")  # vowels that are spoken as consonants
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
# Control characters; line and paragraph separators; marks that turn the direction of writing; halves of surrogate pairs.
# Compiled when it is needed first, by `re`, which keeps it: that takes longer than to import this module.
_CONTROL = "[\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"


def one_line(text: str, keep: str = "") -> str:
    """Escape whatever is not printable: for names, and for values of which every character counts.

    The result can neither break a line nor steer a terminal, and any UTF-8 stream can hold it.

    Args:
        text: Any text, lone surrogates included.
        keep: Characters to leave as they are, such as the line breaks of a stack trace, or `JOINERS`.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else _escape(c) for c in text)


def without_control(text: str, keep: str = "") -> str:
    """Escape what breaks a line, steers a terminal or turns the direction of writing: for messages that people wrote.

    Unlike with `one_line`, the spaces and joiners that some languages and emoji need stay.

    Args:
        text: Any text, lone surrogates included.
        keep: Characters to leave as they are.
    """
    if text.isprintable():
        return text
    return re.sub(_CONTROL, lambda found: found[0] if found[0] in keep else _escape(found[0]), text)


def cut(text: str, most: int, end: str = "…") -> str:
    """Keep a text that is at most so many characters long; shorten any other to that, with `end` in place of the rest."""
    return text if len(text) <= most else f"{text[: max(most - len(end), 0)]}{end}"


def text_of(value: object) -> str:
    """Return the text of a value; of one that has none, as of a `Secret` or a broken `__str__`, its type: `<Secret>`."""
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - whatever is shown must never fail what it tells of
        return f"<{type(value).__name__}>"


def a(noun: str) -> str:
    """Put the indefinite article before a noun, as it is spoken: `a Retry`, `an Audit`, `an HTTPError`, `a UUID`."""
    word = noun.lstrip("_")
    if word[:2].isupper() and len(word) > 1:
        return f"{'an' if word[0] in 'AEFHILMNORSX' else 'a'} {noun}"
    vowel = word[:1].lower() in ("a", "e", "i", "o", "u") and not word.lower().startswith(_LIKE_YOU)
    return f"{'an' if vowel or word.startswith('nd') else 'a'} {noun}"


def encodable(text: str, encoding: str = "utf-8") -> str:
    """Escape the characters that an encoding cannot hold, lone surrogates in UTF-8 included."""
    return text.encode(encoding, "backslashreplace").decode(encoding)


def encoding_of(stream: object) -> str:
    """Return what a text stream writes; UTF-8 where it does not tell, or names what Python does not know."""
    try:
        return codecs.lookup(stream.encoding).name  # type: ignore[attr-defined]
    except Exception:  # noqa: BLE001 - anybody's stream: None, no such attribute, detached
        return "utf-8"


def write_escaped(write: Callable[[str], object], text: str, encoding: str) -> None:
    """Write a text, what the encoding cannot hold escaped; all beyond ASCII, where the stream holds less than it tells."""
    try:
        write(encodable(text, encoding))
    except UnicodeEncodeError:
        write(encodable(text, "ascii"))


def _escape(character: str) -> str:
    return _SHORT.get(character) or character.encode("unicode_escape", "backslashreplace").decode()
