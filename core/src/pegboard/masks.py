"""The secrets that a session has handed out, kept to take them out of every text that is recorded."""

from __future__ import annotations

import threading

MASK = "***"
SHORTEST = 4
_LINE_SHORTEST = 16


class Masks:
    """Known secret values, and texts without them.

    Whoever hands a secret to a task adds it; whoever records a text that a task wrote masks it first. A session
    shares its masks with the sessions inside it. Values of fewer than `SHORTEST` characters are not masked: no text would
    stay readable.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._added: set[str] = set()
        self._known: tuple[
            str, ...
        ] = ()  # the longest first, so that no part of one is left when another is its beginning
        self._known_bytes: tuple[bytes, ...] = ()

    def __bool__(self) -> bool:
        return bool(self._known)

    def __repr__(self) -> str:
        return f"<Masks of {len(self._known)} texts>"

    def add(self, value: str) -> bool:
        """Remember a secret; return whether it is long enough to be masked."""
        if value in self._added:
            return True
        if len(value) < SHORTEST:
            return False
        with self._guard:
            if value not in self._added:
                known = sorted({*self._known, *_ways_to_write(value)}, key=len, reverse=True)
                self._known = tuple(known)
                self._known_bytes = tuple(text.encode(errors="surrogatepass") for text in known)
                self._added.add(value)
        return True

    def mask(self, text: str) -> str:
        """Return `text` with `***` in place of every known secret."""
        for known in self._known:
            if known in text:
                text = text.replace(known, MASK)
        return text

    def found_in(self, data: str | bytes | bytearray | memoryview) -> bool:
        """Whether a known secret is somewhere in `data`."""
        if not self._known:
            return False
        if isinstance(data, str):
            return any(known in data for known in self._known)
        held = bytes(data)
        return any(known in held for known in self._known_bytes)


def _ways_to_write(value: str) -> set[str]:
    """The value as it is, as JSON, repr and URLs write it, in base64, and its long lines one by one."""
    import base64
    import json
    from urllib.parse import quote, quote_plus

    encoded = base64.b64encode(value.encode(errors="surrogatepass")).decode().rstrip("=")
    ways = {value, json.dumps(value)[1:-1], repr(value)[1:-1], encoded}
    ways |= {quote(value, safe="", errors="replace"), quote_plus(value, errors="replace")}
    ways |= {line for line in value.splitlines() if len(line) >= _LINE_SHORTEST}
    return {way for way in ways if len(way) >= SHORTEST}
