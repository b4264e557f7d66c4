"""Looking a secret up from anywhere."""

from __future__ import annotations

from pegboard import current_call
from pegboard.sessions.default import serving_session
from pegboard_secrets._plugin import Secrets


def secret(key: str) -> str | None:
    """Return a secret, or None if no provider of the session has it.

    Inside a task, its session's plugin is asked; elsewhere that of the open session, or of the process-wide default one. Where
    none is attached, the environment is. Providers that do I/O block: in a coroutine, ask for the secret with `NeedsSecrets` instead.

    Raises:
        ValueError: `key` cannot name a secret.
        SecretsUnavailable: A provider cannot be asked.
    """
    call = current_call()
    session = serving_session() if call is None else call.session
    plugin = session.get(Secrets) or Secrets()
    return plugin.fetch([key], session.masks).get(key)
