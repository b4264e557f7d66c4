"""Values and messages as spans may show them: escaped, cut, and never failing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pegboard import Secret
from pegboard.texts import cut, one_line, text_of

if TYPE_CHECKING:
    from pegboard.privacy import Masks

LONGEST = 256
MASK = "***"


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
    return cut(one_line(masks.mask(text_of(value))[: LONGEST + 1]), LONGEST)
