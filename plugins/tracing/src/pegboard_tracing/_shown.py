"""Values and messages as spans may show them: escaped, cut, and never failing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pegboard import Secret

if TYPE_CHECKING:
    from pegboard.privacy import Masks

LONGEST = 256
MASK = "***"
_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def escaped(text: str, keep: str = "") -> str:
    """Escape whatever is not printable and not in `keep`, so that no text can steer the terminal it is read in."""
    if text.isprintable():
        return text
    return "".join(
        c
        if c.isprintable() or c in keep
        else _ESCAPES.get(c) or c.encode("unicode_escape", "backslashreplace").decode()
        for c in text
    )


def cut(text: str, longest: int = LONGEST) -> str:
    """Keep the first `longest` characters."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def message_of(error: BaseException, masks: Masks) -> str:
    """Return an exception's own text in one line, without known secrets."""
    return _shown_text(error, masks)


def shown(value: object, masks: Masks) -> str | bool | int | float:
    """Return a value as an attribute can hold it: numbers as they are, all else as a short text."""
    if isinstance(value, Secret):
        return MASK
    if isinstance(value, bool | int | float) and type(value) in (bool, int, float):  # no enum, no subclass
        return value
    return _shown_text(value, masks)


def _shown_text(value: object, masks: Masks) -> str:
    try:
        text = str(value)
    except Exception:  # noqa: BLE001 - a broken __str__, or a Secret inside: the type will do
        text = f"<{type(value).__name__}>"
    return cut(escaped(masks.mask(text)[: LONGEST + 1]))
