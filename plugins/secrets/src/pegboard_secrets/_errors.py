"""What goes wrong with secrets. No text holds a value."""

from __future__ import annotations

from pegboard import PegboardError


class MissingSecrets(PegboardError, LookupError):  # noqa: N818 - says what is the matter
    """Raised before a task runs, when no provider has some of the secrets that it needs.

    Attributes:
        keys: All that are missing.
        task: Name of the task.
    """

    keys: tuple[str, ...]
    task: str


class SecretsUnavailable(PegboardError):  # noqa: N818
    """Raised when a provider cannot be asked: not reachable, locked, or refusing. Trying again may help.

    Attributes:
        provider: How the provider describes itself.
    """

    retryable = True
    provider: str
