"""Hands secrets to tasks, and keeps them out of everything that is recorded."""

from __future__ import annotations

from pegboard_secrets._errors import MissingSecrets, SecretsUnavailable
from pegboard_secrets._lookup import secret
from pegboard_secrets._option import NeedsSecrets
from pegboard_secrets._plugin import Secrets
from pegboard_secrets._providers import DotEnv, Environment, Files, Keyring, Provider, Static, Vault
from pegboard_secrets._values import INJECTED, SecretValues

__all__ = [
    "INJECTED",
    "DotEnv",
    "Environment",
    "Files",
    "Keyring",
    "MissingSecrets",
    "NeedsSecrets",
    "Provider",
    "SecretValues",
    "Secrets",
    "SecretsUnavailable",
    "Static",
    "Vault",
    "secret",
]
