"""Encryption of what a journal holds of arguments, results, errors and signals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pegboard import ConfigError, MissingPlugin, Secret
from pegboard.parts import checks
from pegboard_durable._errors import JournalSealed

if TYPE_CHECKING:
    from pegboard_durable._records import RunRow, Step

MARK = b"\xc1pegboard-sealed-1:"  # a byte that begins no value of the codec's
_TEXT_MARK = "sealed-1:"

Key = str | bytes | Secret[str]


class Seal:
    """Encrypts and decrypts with Fernet keys, as `cryptography` has them; without a key it leaves all as it is.

    Args:
        key: A key, or several: the first encrypts, all decrypt.

    Raises:
        ConfigError: One is no key.
        MissingPlugin: The library is not installed.
    """

    def __init__(self, key: Key | Sequence[Key] | None) -> None:
        self._fernet: Any = None if key is None else _fernet(key)

    @property
    def encrypts(self) -> bool:
        """Whether it has a key."""
        return self._fernet is not None

    def step(self, step: Step) -> Step:
        """Encrypt a step."""
        if self._fernet is None:
            return step
        return step._replace(value=self.value(step.value), digest=self._text(step.digest))

    def opened_step(self, step: Step) -> Step:
        """Decrypt a step."""
        if self._fernet is None:
            return step
        return step._replace(value=self.opened_value(step.value), digest=self._opened_text(step.digest))

    def run(self, run: RunRow) -> RunRow:
        """Encrypt a run."""
        if self._fernet is None:
            return run
        return run._replace(
            input=self.value(run.input), result=self.value(run.result), digest=self._text(run.digest)
        )

    def opened_run(self, run: RunRow) -> RunRow:
        """Decrypt a run."""
        if self._fernet is None:
            return run
        return run._replace(
            input=self.opened_value(run.input),
            result=self.opened_value(run.result),
            digest=self._opened_text(run.digest),
        )

    def value(self, data: bytes | None) -> Any:
        """Encrypt a value, or None."""
        if data is None or self._fernet is None or data.startswith(MARK):
            return data
        return MARK + self._fernet.encrypt(data)

    def opened_value(self, data: bytes | None) -> Any:
        """Decrypt a value; one from before there was a key is as it was.

        Raises:
            JournalSealed: It is encrypted with another key.
        """
        if data is None or self._fernet is None or not data.startswith(MARK):
            return data
        return self._decrypted(data.removeprefix(MARK))

    def _text(self, text: str) -> str:
        return _TEXT_MARK + self._fernet.encrypt(text.encode()).decode() if text else text

    def _opened_text(self, text: str) -> str:
        if not text.startswith(_TEXT_MARK):
            return text
        return self._decrypted(text.removeprefix(_TEXT_MARK).encode()).decode()

    def _decrypted(self, token: bytes) -> bytes:
        from cryptography.fernet import InvalidToken

        try:
            data: bytes = self._fernet.decrypt(token)
        except InvalidToken:
            raise JournalSealed(
                "the journal holds values that are encrypted with another key than Durability(key=...) was given.\n"
                "Give it that key, too: the first of several encrypts, all decrypt."
            ) from None
        return data


def refuse_sealed(data: bytes) -> None:
    """Refuse what is still encrypted.

    Raises:
        JournalSealed: It is.
    """
    if data.startswith(MARK):
        raise JournalSealed(
            "the journal holds encrypted values, and this Durability has no key: give it Durability(url, key=...)."
        )


def _fernet(key: Any) -> Any:
    try:
        from cryptography.fernet import Fernet, MultiFernet
    except ModuleNotFoundError as error:
        raise MissingPlugin(
            "Durability(key=...) encrypts with the library cryptography, which is not installed: "
            "pip install 'pegboard[durable-encryption]'.",
            plugin="durable",
        ) from error
    keys = [key] if isinstance(key, (str, bytes, Secret)) else key
    if (
        not isinstance(keys, Sequence)
        or not keys
        or not all(isinstance(each, (str, bytes, Secret)) for each in keys)
    ):
        raise _refusal(f"key is one, or a sequence of several, not {checks.shown(type(key).__name__)}")
    try:
        return MultiFernet([Fernet(each.reveal() if isinstance(each, Secret) else each) for each in keys])
    except (ValueError, TypeError):
        raise _refusal("a key is 32 bytes in URL-safe base64") from None


def _refusal(what: str) -> ConfigError:
    return ConfigError(
        f"{what}. cryptography.fernet.Fernet.generate_key() makes one; keep it where secrets are kept.",
        where="Durability",
        key="key",
    )
