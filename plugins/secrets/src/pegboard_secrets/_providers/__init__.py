"""Where secrets come from."""

from __future__ import annotations

from collections.abc import Callable

from pegboard.parts import checks
from pegboard_secrets._providers.dotenv import DotEnv
from pegboard_secrets._providers.environment import Environment
from pegboard_secrets._providers.files import Files
from pegboard_secrets._providers.keyring import Keyring
from pegboard_secrets._providers.protocol import Provider
from pegboard_secrets._providers.static import Static
from pegboard_secrets._providers.vault import Vault

__all__ = ["DotEnv", "Environment", "Files", "Keyring", "Provider", "Static", "Vault", "provider_from"]

_KINDS: dict[str, Callable[[str], Provider]] = {
    "environment": Environment,
    "dotenv": lambda rest: DotEnv(rest or ".env"),
    "files": lambda rest: Files(rest or "/run/secrets"),
    "keyring": Keyring,
    "vault": Vault,
}


def provider_from(text: str) -> Provider:
    """Make a provider of `kind` or `kind:where`, as it stands in a configuration file.

    Raises:
        ValueError: There is no such kind, or it needs to be told where.
    """
    kind, _, rest = text.partition(":")
    if kind not in _KINDS:
        raise ValueError(f"{checks.shown(kind)} is no provider of secrets. Known: {', '.join(_KINDS)}.")
    return _KINDS[kind](rest)
