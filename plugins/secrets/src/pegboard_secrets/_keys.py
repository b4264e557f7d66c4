"""Names of secrets."""

from __future__ import annotations

import re

from pegboard.parts import checks

_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,127}")


def checked_key(key: object) -> str:
    """Return a key that every provider can look up.

    Raises:
        TypeError, ValueError: It is no text, or holds what could lead a provider elsewhere.
    """
    if not isinstance(key, str):
        raise TypeError(f"the name of a secret is a str, not {type(key).__name__}.")
    if not _KEY.fullmatch(key) or ".." in key:
        raise ValueError(
            f"{checks.shown(key)} cannot name a secret: names are 1 to 128 letters, digits and `_ . : / -`, without `..`, and "
            f"begin with a letter, a digit or `_`."
        )
    return key
