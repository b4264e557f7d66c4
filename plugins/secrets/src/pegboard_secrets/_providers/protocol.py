"""What a provider is."""

from __future__ import annotations

from typing import Protocol


class Provider(Protocol):
    """Looks secrets up; `str(provider)` says where, for errors.

    A provider with an attribute `does_io = False` answers at once. Any other is asked in a thread when the task is a coroutine.
    """

    def get(self, key: str, /) -> str | None:
        """Return the value, or None if this provider does not have it.

        Raises:
            SecretsUnavailable: It cannot be asked.
        """
