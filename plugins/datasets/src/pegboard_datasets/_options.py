"""What a task asks for: where its result is saved, that a reference stands for it, and which inputs are loaded."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from pegboard import Option
from pegboard.parts import checks
from pegboard.records import Kind
from pegboard_datasets._errors import InvalidKey
from pegboard_datasets._opening import valid_store
from pegboard_datasets._store import Store  # noqa: TC001 - attrs may resolve the annotations
from pegboard_datasets._template import KeyTemplate

if TYPE_CHECKING:
    from pegboard import Task


def _template(_: object, __: attrs.Attribute[Any], value: str) -> None:
    KeyTemplate.parse(value)


def _format(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not isinstance(value, str):
        raise TypeError(
            f"{attribute.name} is the name of a format, such as 'parquet', not {checks.shown(value)}.\n"
            f"A format of your own goes to the plugin: Datasets(formats=[...])."
        )


@attrs.frozen
class Dataset(Option):
    """Save what the task returns, as a file or object that others can read; the caller gets the value as ever.

    Attributes:
        key: Where: a relative path with `{parameter}` and `{map_index}` in it. Its extension tells the format.
        format: Name or extension of the format, where the key's extension does not tell it.
        store: A path, a URL or a `Store` for this task alone; None is that of the session's `Datasets`.
    """

    plugin_name = "datasets"
    stores_values = True

    key: str = attrs.field(validator=_template)
    format: str | None = attrs.field(default=None, validator=_format)
    store: str | os.PathLike[str] | Store | None = attrs.field(
        default=None, validator=valid_store, kw_only=True
    )

    def check(self, task: Task[..., Any]) -> None:
        """Refuse a task whose parameters the template does not fit.

        Raises:
            InvalidKey: A placeholder is no parameter of it, or one that is loaded.
        """
        load = task.option(Load)
        KeyTemplate.parse(self.key).check(
            task.name, _parameters(task, () if load is None else load.templates)
        )


@attrs.frozen
class Persist(Option):
    """Save what the task returns under the digest of its bytes, and return an `ArtifactRef` in its place.

    Attributes:
        format: Name or extension of the format; None lets the type of the value decide.
        store: A path, a URL or a `Store` for this task alone; None is that of the session's `Datasets`.
    """

    plugin_name = "datasets"
    stores_values = True
    kinds = frozenset[Kind](("function", "coroutine"))

    format: str | None = attrs.field(default=None, validator=_format)
    store: str | os.PathLike[str] | Store | None = attrs.field(
        default=None, validator=valid_store, kw_only=True
    )


@attrs.frozen(init=False)
class Load(Option):
    """Load inputs before the function sees them, each as the type its parameter is annotated with.

    `Load()` turns every `ArtifactRef` among the arguments into its value. `Load("sales")` does so for this parameter alone, and
    takes a key there too. `Load(sales="sales/{day}.parquet")` loads `sales` when the caller does not pass it.

    Attributes:
        names: Parameters given by position here.
        keys: Templates of keys by parameter.
    """

    plugin_name = "datasets"

    names: tuple[str, ...]
    keys: tuple[tuple[str, str], ...]

    def __init__(self, *names: str, **keys: str) -> None:
        for name in names:
            _refuse_other(name)
        for text in keys.values():
            KeyTemplate.parse(text)
        self.__attrs_init__(names, tuple(keys.items()))

    @property
    def templates(self) -> Mapping[str, KeyTemplate]:
        """The templates, read."""
        return {name: KeyTemplate.parse(text) for name, text in self.keys}

    def check(self, task: Task[..., Any]) -> None:
        """Refuse a task that lacks the parameters named here.

        Raises:
            InvalidKey: There is no such parameter, or a placeholder is none.
        """
        known = task.signature.parameters
        for name in (*self.names, *self.templates):
            if name not in known:
                raise InvalidKey(
                    f"Load on task {task.name!r} names {name!r}, which is no parameter of it: {', '.join(known)}.",
                    key="",
                    store="",
                    parameter=name,
                )
        for template in self.templates.values():
            template.check(task.name, _parameters(task, self.templates))


def _refuse_other(name: object) -> None:
    if not isinstance(name, str) or not name.isidentifier():
        raise TypeError(
            f"Load takes names of parameters, not {checks.shown(name)}: Load('sales'), or Load(sales='sales/{{day}}.csv')."
        )


def _parameters(task: Task[..., Any], loaded: Collection[str]) -> list[str]:
    return [name for name in task.signature.parameters if name not in loaded]
