"""What a task asks for: secrets by name."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import attrs

from pegboard import InvalidTask, Option
from pegboard_secrets._keys import checked_key

if TYPE_CHECKING:
    from pegboard import Task

KEYWORD = "secrets"


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

    def check(self, task: Task[..., Any]) -> None:
        """Refuse a function that has no place for the secrets, or one that moves its other arguments.

        Raises:
            InvalidTask: Saying what to write.
        """
        parameters = [*task.signature.parameters.values()]
        if parameters and parameters[-1].kind is inspect.Parameter.VAR_KEYWORD:
            return
        taken = [each for each in parameters if each.name == KEYWORD]
        if not taken:
            raise InvalidTask(
                f"task {task.name!r} needs secrets, and has no parameter for them. Write `*, secrets: Mapping[str, str] = "
                f"INJECTED`, with INJECTED from pegboard_secrets."
            )
        if taken[0].kind is not inspect.Parameter.KEYWORD_ONLY:
            raise InvalidTask(
                f"task {task.name!r}: its parameter `{KEYWORD}` must be keyword-only: put a `*` before it."
            )

    def __init__(self, *keys: str) -> None:
        self.__attrs_init__(tuple(dict.fromkeys(keys)))
