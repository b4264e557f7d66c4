"""The bearer token that a client has to present."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from pathlib import Path

from pegboard import ConfigError, Secret
from pegboard.parts import checks
from pegboard_prometheus._reloaded import Reloaded

VARIABLE = "PEGBOARD_PROMETHEUS_TOKEN"
_FORM = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # RFC 6750, section 2.1


class Token:
    """A token, compared in a time that tells nothing about it.

    Args:
        text: The token, or where it is read again when its file changes.
    """

    def __init__(self, text: str | Reloaded[str]) -> None:
        self._text = text if isinstance(text, Reloaded) else Reloaded((), lambda: text, "token")

    def __repr__(self) -> str:
        return "Token('***')"

    def reveal(self) -> str:
        """Return the token as it is now."""
        return self._text.get()

    def admits(self, authorization: str) -> bool:
        """Whether an Authorization header presents the token."""
        scheme, _, presented = authorization.strip().partition(" ")
        # Digests have one length, so that not even that of the token shows in the time.
        is_same = hmac.compare_digest(_digest(presented.strip()), _digest(self.reveal()))
        return is_same and scheme.lower() == "bearer"


def checked_token(token: str | Secret[str] | None, token_file: str | os.PathLike[str] | None) -> Token | None:
    """Return the token: given, in a file, or in the environment; None when there is none.

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
        return Token(Reloaded((file,), lambda: _read(file), "token"))
    if token is not None:
        return Token(
            _checked(token.reveal() if isinstance(token, Secret) else token, "Prometheus(token=...)")
        )
    found = os.environ.get(VARIABLE)
    return Token(_checked(found, f"the environment variable {VARIABLE}")) if found else None


def _read(file: Path) -> str:
    try:
        text = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"Prometheus(token_file={checks.shown(str(file))}) cannot be read ({type(error).__name__}), so no client could present the "
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
