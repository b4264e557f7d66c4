"""What a task asks for: secrets by name."""

from __future__ import annotations

from typing import Any

import attrs

from pegboard import Option
from pegboard_secrets._keys import checked_key


def _keys(_: object, __: attrs.Attribute[Any], value: tuple[object, ...]) -> None:
    if not value:
        raise ValueError('NeedsSecrets names the secrets it needs: NeedsSecrets("API_KEY").')
    for key in value:
        checked_key(key)


@attrs.frozen(init=False)
class NeedsSecrets(Option):
    """Hand the task secrets, as its keyword `secrets`: a mapping of plain strings whose repr shows the names alone.

    They are fetched once per call, after caches and limits. If some are missing, the task does not run, and the error
    names all of them.

    Attributes:
        keys: Names of the secrets.
    """

    plugin_name = "secrets"

    keys: tuple[str, ...] = attrs.field(validator=_keys)

    def __init__(self, *keys: str) -> None:
        self.__attrs_init__(tuple(dict.fromkeys(keys)))
