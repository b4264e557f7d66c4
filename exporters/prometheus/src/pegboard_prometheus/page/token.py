"""The bearer token that a client has to present."""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import re
from pathlib import Path

from pegboard import ConfigError, Secret

VARIABLE = "PEGBOARD_PROMETHEUS_TOKEN"
_FORM = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # RFC 6750, section 2.1
_log = logging.getLogger("pegboard.prometheus")


class Token:
    """A token, compared in a time that tells nothing about it.

    One that comes from a file is read again when the file changes, so that it can be replaced while a program runs. While the
    file cannot be read, the last token holds.

    Args:
        text: The token.
        file: Where it came from, if that is a file.
    """

    def __init__(self, text: str, file: Path | None = None) -> None:
        self._file = file
        self._version = None if file is None else _version(file)
        self._digest = _digest(text)

    def __repr__(self) -> str:
        return "Token('***')"

    def admits(self, authorization: str) -> bool:
        """Whether an Authorization header presents the token."""
        scheme, _, presented = authorization.strip().partition(" ")
        self._read_again()
        # Digests have one length, so that not even that of the token shows in the time.
        is_same = hmac.compare_digest(_digest(presented.strip()), self._digest)
        return is_same and scheme.lower() == "bearer"

    def _read_again(self) -> None:
        if self._file is None:
            return
        version = _version(self._file)
        if version == self._version:
            return
        self._version = version
        try:
            self._digest = _digest(_read(self._file))
        except ConfigError as error:
            _log.warning("%s\nThe last token holds until then.", error)


def checked_token(
    token: str | Secret[str] | None, token_file: str | os.PathLike[str] | None
) -> tuple[Token, str] | None:
    """Return the token and its text: given, in a file, or in the environment; None when there is none.

    Raises:
        ConfigError: It is given twice, cannot be read, or is no token.
    """
    if token is not None and token_file is not None:
        raise ConfigError(
            "Prometheus(token=..., token_file=...): which of them holds? Give one.",
            where="Prometheus",
            key="token_file",
        )
    if token_file is not None:
        file = Path(token_file)
        text = _read(file)
        return Token(text, file), text
    if token is not None:
        text = _checked(token.reveal() if isinstance(token, Secret) else token, "Prometheus(token=...)")
        return Token(text), text
    found = os.environ.get(VARIABLE)
    return (Token(_checked(found, f"the environment variable {VARIABLE}")), found) if found else None


def _read(file: Path) -> str:
    try:
        text = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"Prometheus(token_file={str(file)!r}) cannot be read ({type(error).__name__}), so no client could present the "
            f"token.\nWrite the token into that file, readable for this process alone (mode 0600).",
            where="Prometheus",
            key="token_file",
        ) from error
    return _checked(text, f"the file {str(file)!r}")


def _checked(text: object, where: str) -> str:
    if isinstance(text, str) and _FORM.fullmatch(text):
        return text
    raise ConfigError(
        f"{where} holds no token that a client could send: it is a text of ASCII letters, digits and -._~+/ with = at "
        f"its end.\nMake one: python -c 'import secrets; print(secrets.token_urlsafe(32))'",
        where="Prometheus",
        key="token",
    )


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _version(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
