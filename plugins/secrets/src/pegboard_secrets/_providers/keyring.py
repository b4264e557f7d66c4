"""Secrets in the keyring of the operating system."""

from __future__ import annotations

from pegboard_secrets._errors import SecretsUnavailable


class Keyring:
    """Asks the keyring that the `keyring` library finds: needs `pip install "pegboard[secrets-keyring]"`.

    Args:
        service: The service under which keys are stored: `keyring set <service> <key>`.
    """

    does_io = True

    def __init__(self, service: str) -> None:
        if not service:
            raise ValueError("a keyring stores its keys under a service: name it, `keyring:my-service`.")
        self.service = service

    def __str__(self) -> str:
        return f"keyring service {self.service!r}"

    def get(self, key: str, /) -> str | None:
        """Return the stored password.

        Raises:
            SecretsUnavailable: The library is missing, or the keyring is locked or absent.
        """
        try:
            import keyring
            import keyring.errors
        except ImportError:
            raise SecretsUnavailable(
                f"{self} needs the library keyring: pip install 'pegboard[secrets-keyring]'",
                provider=str(self),
            ) from None
        try:
            return keyring.get_password(self.service, key)
        except keyring.errors.KeyringError as error:
            raise SecretsUnavailable(
                f"{self} cannot be asked: {type(error).__name__}. Is there a keyring, and is it unlocked?",
                provider=str(self),
            ) from None
