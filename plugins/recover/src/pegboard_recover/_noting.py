"""What went wrong in a recovery, noted on the error that it was about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pegboard.parts.notes import note_on
from pegboard.privacy import is_sensitive

if TYPE_CHECKING:
    from pegboard import Call


def note(call: Call, error: BaseException, what: str, failure: BaseException) -> None:
    """Add `and its <what> failed: <type>: <text>`, without known secrets; without the text for a sensitive task."""
    if failure is error:  # raised again: it says nothing new
        return
    text = "" if is_sensitive(failure, call) else f": {call.session.masks.mask(str(failure))}"
    note_on(error, f"and its {what} failed: {type(failure).__name__}{text}")
