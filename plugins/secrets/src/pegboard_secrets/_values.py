"""What a task is handed: its secrets by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pegboard import current_session


class SecretValues(Mapping[str, str]):
    """Plain strings by name. Printed, it shows the names alone; pickled or copied it cannot be."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)

    def __getitem__(self, key: str) -> str:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"<secrets {', '.join(self._values)}>"

    def __reduce_ex__(self, protocol: object) -> Any:
        if self is INJECTED:  # by its name, as it holds nothing: a default may be part of a cache's key
            return "INJECTED"
        raise TypeError("secrets cannot be pickled or copied: that would take their values elsewhere.")


class DepartingValues(SecretValues):
    """The secrets of a function that runs in another process: those alone travel."""

    __slots__ = ()

    def __reduce_ex__(self, protocol: object) -> Any:
        return _arrived, (self._values,)


def _arrived(values: Mapping[str, str]) -> SecretValues:
    """Make them again where the function runs, and have the session there mask them."""
    if (session := current_session()) is not None:
        for each in values.values():
            session.masks.add(each)
    return SecretValues(values)


INJECTED = SecretValues({})
"""The default of a parameter that `NeedsSecrets` fills in: type checkers then know that a caller may leave it off."""
