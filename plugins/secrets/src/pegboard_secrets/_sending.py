"""Providers on their way to the workers of a session."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import attrs

from pegboard_secrets._errors import SecretsUnavailable

if TYPE_CHECKING:
    from pegboard_secrets._providers import Provider


@attrs.frozen
class Unsent:
    """Stands in a worker for a provider that could not be sent there.

    Attributes:
        where: How the provider describes itself.
        reason: What pickle said.
    """

    where: str
    reason: str
    does_io = False

    def __str__(self) -> str:
        return f"{self.where} (which stayed at home)"

    def get(self, key: str, /) -> str | None:  # noqa: ARG002 - the protocol's
        """Refuse: another provider might have another secret under that name.

        Raises:
            SecretsUnavailable: Always.
        """
        raise SecretsUnavailable(
            f"secrets from {self.where} cannot be asked for in a worker: the provider cannot be pickled ({self.reason}).\n"
            f"Give its class a `__reduce__`, or put NeedsSecrets on the task that is sent: its secrets are asked for at home, "
            f"and go along.",
            provider=self.where,
        )


def sendable(provider: Provider) -> Provider:
    """Return a provider if it can be pickled, else what refuses in its place."""
    try:
        _dumps()(provider)
    except Exception as error:  # noqa: BLE001 - pickle has no error of its own for all of it
        return Unsent(str(provider), type(error).__name__)
    return provider


def _dumps() -> Callable[[Any], bytes]:
    try:
        from cloudpickle import dumps  # type: ignore[import-untyped]
    except ImportError:
        return pickle.dumps
    return dumps  # type: ignore[no-any-return]


def refuse_unsent(providers: Iterable[Provider]) -> None:
    """Refuse what a task needs when it cannot be known whether the first provider that has it is here.

    Raises:
        SecretsUnavailable: Naming one that is not.
    """
    for each in providers:
        if isinstance(each, Unsent):
            each.get("")
