"""Keys: relative paths that stay under the root of every store, and mean the same on every system."""

from __future__ import annotations

from pegboard import texts
from pegboard_datasets._errors import InvalidKey

SEGMENT_BYTES_MOST = 200
KEY_BYTES_MOST = 800
PARTIAL = ".pegboard-"
"""What the name of a file begins with while it is written; no key may."""

_DEVICES = frozenset(
    ("con", "prn", "aux", "nul", *(f"{name}{number}" for name in ("com", "lpt") for number in range(1, 10)))
)


def check_key(key: str) -> str:
    """Return a key that may be used.

    Raises:
        InvalidKey: It is no text, absolute, climbs, is too long, or holds what one of the systems reads as something else.
    """
    if not isinstance(key, str):
        raise _refused(f"a key is a str, and this is {texts.a(type(key).__name__)}", "")
    if not key:
        raise _refused("a key cannot be empty", key)
    size = len(key.encode("utf-8", "surrogatepass"))
    if size > KEY_BYTES_MOST:
        raise _refused(f"the key has {size:,} bytes, and {KEY_BYTES_MOST} is the most", key)
    for segment in key.split("/"):
        fault = fault_of_text(segment) or _fault_of_segment(segment)
        if fault is not None:
            raise _refused(f"a part of the key {fault}", key)
    return key


def fault_of_text(text: str) -> str | None:
    """Say what no part of a key may hold; None when there is nothing of it."""
    if not text.isprintable():
        return "holds control characters, line breaks or invisible ones"
    for character, name in (("/", "a slash"), ("\\", "a backslash"), (":", "a colon")):
        if character in text:
            return f"holds {name}"
    return None


def _fault_of_segment(segment: str) -> str | None:
    if not segment:
        return "is empty: it begins or ends with a slash, or has two in a row"
    if segment in {".", ".."}:
        return "is `.` or `..`"
    if segment[-1] in ". " or segment[0] == " ":
        return "begins with a space, or ends with a space or a dot, which some systems drop"
    if segment.startswith(PARTIAL):
        return f"begins with `{PARTIAL}`, as files do while they are written"
    if segment.partition(".")[0].lower() in _DEVICES:
        return "is the name of a device on Windows"
    size = len(segment.encode("utf-8", "surrogatepass"))
    if size > SEGMENT_BYTES_MOST:
        return f"has {size:,} bytes, and {SEGMENT_BYTES_MOST} is the most"
    return None


def _refused(fault: str, key: object) -> InvalidKey:
    shown = key if isinstance(key, str) and key.isprintable() else ""
    return InvalidKey(
        f"{fault}.\n"
        f"A key is a relative path with `/` between its parts, such as 'reports/2024/sales.parquet', and stays under its root.",
        key=shown,
        store="",
        parameter="",
    )
