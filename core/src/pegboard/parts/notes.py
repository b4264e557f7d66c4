"""Notes on exceptions that are somebody else's."""

from __future__ import annotations

_MOST = 16


def note_on(error: BaseException, note: str) -> None:
    """Leave a line on an exception, unless it is full of them or of a class that takes none: the error matters, the note does not.

    One object may be raised by many calls, so its notes are bounded: at most 16, whoever left them.
    """
    try:
        if len(getattr(error, "__notes__", ())) < _MOST:
            error.add_note(note)
    except Exception:  # noqa: BLE001 - a frozen class, or one whose notes are no list
        pass
