"""Options: what a task asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from pegboard import discovery, environment, texts
from pegboard.errors import InvalidTask, UnsupportedTask
from pegboard.parts import checks
from pegboard.places import BUILT_IN, unknown_executor
from pegboard.records import KINDS, Kind

if TYPE_CHECKING:
    from pegboard.tasks.task import Task


@attrs.frozen
class Option:
    """Base of every task option: a frozen value that belongs to one plugin and brings it.

    A plugin ships subclasses, decorated with `attrs.frozen`, whose validators refuse a bad value where it is
    written:

        @attrs.frozen
        class Retry(Option):
            plugin_name = "retry"
            retries: int = attrs.field(default=3, validator=checks.whole(least=0))

    Attributes:
        plugin_name: Name under which the plugin is installed, and attached to a session; not needed where `plugin` is overridden.
        kinds: Kinds of task that may have this option; another kind is refused at decoration.
        repeatable: Whether a task may have several of this class, as with handlers for different errors.
        stores_values: True when the plugin keeps inputs or results; a `sensitive` task refuses such an option.
    """

    plugin_name: ClassVar[str] = ""
    kinds: ClassVar[frozenset[Kind]] = KINDS
    repeatable: ClassVar[bool] = False
    stores_values: ClassVar[bool] = False

    def check(self, task: Task[..., Any]) -> None:
        """Refuse a task that this option cannot be on, whatever the session; called at decoration.

        The default refuses none. What depends on other options or on the plugin belongs into the plugin's `bind`.

        Raises:
            TypeError, ValueError: Or a subclass, saying what to change.
        """

    @classmethod
    def plugin(cls) -> type | None:
        """Return the class of the plugin this option belongs to, imported as late as this; None for what the core itself reads.

        The default looks `plugin_name` up among the installed plugins. A plugin that is not an installed
        distribution overrides this.
        """
        return discovery.class_of(cls.plugin_name)

    @classmethod
    def make(cls) -> object:
        """Make the plugin this option belongs to; called when a session lacks it."""
        plugin = cls.plugin()
        return None if plugin is None else environment.make(discovery.plugin_name(plugin), plugin)


def refuse_non_option(given: object, where: str, written: str) -> None:
    """Refuse what is no option, and say what was probably meant.

    Args:
        given: What was given.
        where: To what.
        written: How options are written there, with `{}` for them.

    Raises:
        InvalidTask: It is none.
    """
    if isinstance(given, Option):
        return
    if isinstance(given, type) and issubclass(given, Option):
        right = written.format(f"{given.__name__}(...)")
        raise InvalidTask(f"{given.__name__} is an option's class; did you forget the parentheses? {right}")
    if isinstance(given, list | tuple | set) and all(isinstance(each, Option) for each in given):
        right = written.format(", ".join(f"{type(each).__name__}(...)" for each in given))
        raise InvalidTask(
            f"{where} takes options one by one, not {texts.a(type(given).__name__)} of them. {right}"
        )
    is_plugin = isinstance(getattr(given, "name", None), str)
    way_out = " A plugin goes on a session: Session(...)." if is_plugin else ""
    raise InvalidTask(
        f"{where} takes options such as Retry(3) or Cache(ttl=60), not {checks.shown(given)}.{way_out}"
    )


def is_owned(option: Option) -> bool:
    """Whether an option says which plugin it belongs to."""
    return bool(option.plugin_name) or type(option).plugin.__func__ is not Option.plugin.__func__  # type: ignore[attr-defined]


class _OfTheCore(Option):
    """An option that the core itself reads."""

    @classmethod
    def plugin(cls) -> None:
        """No plugin."""


def _known(_: object, __: attrs.Attribute[Any], name: object) -> None:
    if not isinstance(name, str):
        raise TypeError(f"On takes the name of an executor, such as 'processes', not {checks.shown(name)}.")
    if name not in BUILT_IN and discovery.executor_plugin(name) is None:
        raise unknown_executor(name)


@attrs.frozen
class On(_OfTheCore):
    """Say where the function runs, whatever executor the session has: `@task(On("processes"))`.

    On `processes`, and on executors of plugins, the function alone travels, also when the task is called directly; its
    layers and observers stay at the caller's. `threads` and `inline` count for `map` and `submit`: a task that is called directly runs on
    the thread that calls it.

    Attributes:
        executor: `inline`, `threads`, `processes`, or the name of an installed plugin that has an executor, such as `dask`.
    """

    kinds = frozenset({"function", "coroutine"})

    executor: str = attrs.field(validator=_known)

    def check(self, task: Task[..., Any]) -> None:
        """Refuse a coroutine on threads: it runs in an event loop."""
        if task.kind == "coroutine" and self.executor in BUILT_IN:
            raise UnsupportedTask(
                f"On({self.executor!r}) says nothing for the coroutine {task.name!r}, which runs in the event loop of whoever "
                f"awaits it.\nTake it off, or make the task a plain function.",
                plugin="",
                task=task.name,
                kind=task.kind,
            )


@attrs.frozen
class Priority(_OfTheCore):
    """Say which of several waiting tasks goes first: `@task(Priority(5))`, read by whatever keeps them waiting.

    Attributes:
        value: Higher goes first; 0 is what a task without it has. Of equals, the one that came first.
    """

    value: int = attrs.field(validator=checks.whole())

    @classmethod
    def of(cls, task: Task[..., Any]) -> int:
        """Return the priority of a task: its own, or 0."""
        own = task.option(cls)
        return 0 if own is None else own.value
