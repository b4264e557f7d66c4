"""The plugins of a session: attached, found by class, asked, and measured for."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast, overload

from pegboard import discovery, environment
from pegboard._first_party import PLUGINS
from pegboard.discovery import did_you_mean, plugin_name
from pegboard.errors import InvalidPlugin, MissingPlugin, PluginConflict, SessionError, UnknownEvent
from pegboard.options import Option
from pegboard.parts import checks
from pegboard.parts.forks import new_rlock
from pegboard.parts.measuring import NULL, check_instrument
from pegboard.plans.binding import compile_events
from pegboard.plans.events import plain_function
from pegboard.sessions import configuration
from pegboard.sessions.faults import Faults
from pegboard.sessions.manager import Manager

if TYPE_CHECKING:
    from pegboard.parts.measuring import Counter, Gauge, Histogram, Instrument
    from pegboard.plans.events import Dispatch
    from pegboard.privacy import Masks
    from pegboard.sessions.session import Session

T = TypeVar("T")


class Plugins:
    """What a session is to its plugins; the other half, its lifetime, is `Session`.

    Attributes:
        version: Another number after every change of plugins or monitoring; plans of an older one are remade.
        pm: The pluggy manager, for pluggy's own tools.
        faults: What plugins did wrong where they may only watch.
    """

    outer: Session | None
    strict: bool
    masks: Masks

    def __init__(self, plugins: Iterable[object]) -> None:
        self.version = 0
        self.faults = Faults(self)
        self.pm = Manager(configuration.disabled_plugins(), self._changed, self.faults.of_observer)
        self._guard = new_rlock()
        self._own: list[tuple[str, object]] = []
        self._storages: dict[str, dict[Any, Any]] = {}
        self._found: dict[type, tuple[int, Any]] = {}
        self._asked: dict[str, tuple[int, list[_Implementation]]] = {}
        self._group_events: tuple[int, Mapping[str, Dispatch]] = (-1, {})
        self._instruments: dict[tuple[Any, ...], tuple[int, Instrument]] = {}
        self._attach_all(plugins)

    @property
    @abstractmethod
    def is_open(self) -> bool:
        """Whether somebody has entered this session and not left it yet."""

    @property
    def plugins(self) -> Mapping[str, object]:
        """The attached plugins by name, inherited ones included, in the order of attachment."""
        return {name: plugin for name, plugin in self.pm.list_name_plugin() if plugin is not None}

    @property
    def events(self) -> Mapping[str, tuple[str, ...]]:
        """Every event that observers of this session may watch, with its parameters."""
        return self.pm.events()

    @property
    def observer_errors(self) -> Mapping[tuple[str, str], int]:
        """How often each plugin failed in each hook, by (plugin, hook)."""
        return dict(self.faults.counts)

    # One plugin -----------------------------------------------------------------------------------------------------

    def __getitem__(self, cls: type[T]) -> T:
        """Return the attached plugin of a class, subclasses included, the session's own or an inherited one.

        Of several it is the one whose name is the class's. A plugin that tells of each session apart has a method
        `in_session(session)`, and what that returns is given.

        Raises:
            MissingPlugin: There is none, or none yet.
            PluginConflict: There are several, and none has the class's name.
        """
        known = self._found.get(cls)
        if known is not None and known[0] == self.version:
            found: T = known[1]
            return found
        version = self.version
        plugin = self._plugin_of(cls)
        seen_from = getattr(plugin, "in_session", None)
        if seen_from is not None:
            plugin = seen_from(self)
        self._found[cls] = (version, plugin)
        return plugin

    def _plugin_of(self, cls: type[T]) -> T:
        found = self._of_class(cls)
        if len(found) == 1:
            return next(iter(found.values()))
        name = getattr(cls, "name", cls.__name__)
        if found:
            raise PluginConflict(
                f"session[{cls.__name__}] could be any of {', '.join(found)}: several plugins of this session are of that class, "
                f"and none is called {name!r}.\nAsk for the class of the one you mean.",
                plugin=name,
                claimants=tuple(found),
            )
        raise MissingPlugin(self._missing(cls), plugin=name)

    def get(self, cls: type[T]) -> T | None:
        """Do what `session[cls]` does, but return None where no plugin of the class is attached."""
        return self[cls] if self._of_class(cls) else None

    def _of_class(self, cls: type[T]) -> dict[str, T]:
        """Return the plugins of a class; of several, the one alone whose name is the class's, if there is one."""
        given: object = cls
        option = _option_class(given)
        if option is not None or not isinstance(given, type):
            shown = checks.shown(given) if option is None else f"the option {option.__name__}"
            raise TypeError(
                f"session[...] takes the class of a plugin, such as session[Caching], not {shown}.{self._meant(given)}"
            )
        found = {name: plugin for name, plugin in self.plugins.items() if isinstance(plugin, cls)}
        name = getattr(cls, "name", "")
        return {name: found[name]} if name in found else found

    def _meant(self, given: object) -> str:
        """Say which class was probably meant by a name, by one of the plugins, or by an option of one."""
        classes = self._classes()
        option = _option_class(given)
        name = (
            given if isinstance(given, str) else plugin_name(given) if option is None else option.plugin_name
        )
        if name in classes:
            return f" Did you mean session[{classes[name]}]?"
        return did_you_mean(name, {*classes, *classes.values()}) if isinstance(given, str) else ""

    def _classes(self) -> dict[str, str]:
        """Map the names of the plugins that are known to those of their classes."""
        return {**PLUGINS, **{name: type(plugin).__name__ for name, plugin in self.plugins.items()}}

    def _missing(self, cls: type) -> str:
        brought = [
            f"{option.__name__}(...)"
            for option in all_options()
            if option.plugin_name == getattr(cls, "name", None)
        ]
        if not isinstance(getattr(cls, "name", None), str) and not self.pm.hook_attributes(cls):
            return f"{cls.__name__} is no plugin's class: it has neither a name nor a hook.{did_you_mean(cls.__name__, self._classes().values())}"
        later = f", or call a task with {' or '.join(brought)}: its first call attaches it" if brought else ""
        return (
            f"no {cls.__name__} is attached to {self!r}.\nAttach it: Session({cls.__name__}(...), ...){later}. "
            f"Attached: {', '.join(self.plugins) or 'none'}."
        )

    def state(self, plugin: object) -> dict[Any, Any]:
        """Return a plugin's own storage for the session that attached it; inner sessions that inherit it share it.

        Empty when the session starts.

        Raises:
            SessionError: The plugin is not attached.
        """
        owner: Plugins | None = self
        while owner is not None:
            for name, own in owner._own:
                if own is plugin:
                    return owner._storages.setdefault(name, {})
            owner = owner.outer
        raise self._not_attached(plugin)

    def register(self, plugin: object, name: str | None = None) -> str | None:
        """Attach a plugin, by instance or by name; in an open session it is started at once.

        Returns:
            Its name; None when it is disabled, or attached already.

        Raises:
            MissingPlugin, PluginConflict, InvalidPlugin: It cannot be attached, and nothing of it is.
        """
        with self._guard:
            attached = self._attach(plugin, name)
            if attached is not None and self.is_open:
                self._begin(attached)
            return attached

    def register_all(self, plugins: Iterable[object]) -> None:
        """Attach several plugins as `register` does; which of them comes first does not matter.

        Raises:
            MissingPlugin, PluginConflict, InvalidPlugin: One cannot be attached; it is not, nor are those after it.
        """
        with self._guard:
            made = list(plugins)
            brought = [self.pm.bring_specs(plugin_name(plugin), plugin) for plugin in made]
            try:
                for plugin in made:
                    self.register(plugin)
            except BaseException:
                for plugin, specs in zip(made, brought, strict=True):
                    if not self.pm.is_registered(plugin):
                        self.pm.remove_specs(specs)
                raise

    def _begin(self, attached: str) -> None:
        try:
            self._call_hook("session_start", self.pm.get_plugin(attached))
        except BaseException:
            self.unregister(attached, end=False)
            raise

    def unregister(self, plugin: object, *, end: bool = True) -> object:
        """Detach a plugin, by instance or name, and return it; in an open session its `session_end` runs first."""
        with self._guard:
            name = plugin if isinstance(plugin, str) else self.pm.get_name(plugin)
            found = self.pm.get_plugin(name) if name else None
            if name is None or found is None:
                raise self._not_attached(plugin)
            own = any(mine is found for _, mine in self._own)
            try:
                if own and end and self.is_open:
                    self._call_hook("session_end", found)
            finally:
                self.pm.unregister(name=name)
                self._own = [entry for entry in self._own if entry[1] is not found]
                self._storages.pop(name, None)
            return found

    def _not_attached(self, plugin: object) -> SessionError:
        return SessionError(f"{plugin!r} is not attached. Attached: {', '.join(self.plugins) or 'none'}.")

    # Hooks ----------------------------------------------------------------------------------------------------------

    @overload
    def ask(self, hook: str, *, first: Literal[True], **arguments: Any) -> Any: ...
    @overload
    def ask(self, hook: str, *, first: bool = False, **arguments: Any) -> list[Any]: ...
    def ask(self, hook: str, *, first: bool = False, **arguments: Any) -> Any:
        """Tell the implementations of a hook spec that is no event of a call, and return what they answer but None.

        The plugin attached last is told first. Each is isolated: what one raises is counted and logged like an observer's, and
        the others are told; a strict session raises it afterwards.

        Args:
            hook: Name of the spec, of the core's or of a plugin's own.
            first: Return the first answer that is not None, or None, and ask no further.
            arguments: Those of the spec, by name.

        Raises:
            UnknownEvent: No attached plugin describes such a hook.
        """
        answers = self._ask(hook, arguments, first=first)
        if first:
            return answers[0] if answers else None
        return answers

    def _ask(
        self,
        hook: str,
        arguments: Mapping[str, Any],
        *,
        first: bool,
        refusal: type[Exception] | tuple[()] = (),
    ) -> list[Any]:
        """Do what `ask` does; an error that is a `refusal` is the asker's, and goes on at once."""
        answers: list[Any] = []
        stop: BaseException | None = None
        for found in self._implementations(hook):
            try:
                answer = plain_function(found)(*[arguments[name] for name in found.argnames])
            except refusal:
                raise
            except BaseException as error:  # noqa: BLE001 - judged by the faults
                stop = self.faults.of_hook(found.plugin_name, hook, None, error) or stop
                continue
            if answer is not None:
                answers.append(answer)
                if first:
                    break
        if stop is not None:
            raise stop
        return answers

    def is_answered(self, hook: str) -> bool:
        """Whether any attached plugin implements this hook: whether asking it, or preparing to, is worth anything."""
        return bool(self._implementations(hook))

    def _implementations(self, hook: str) -> list[_Implementation]:
        known = self._asked.get(hook)
        if known is None or known[0] != self.version:
            version = self.version
            if hook not in self.pm.known_hooks():
                raise UnknownEvent(
                    f"no attached plugin describes the hook {hook!r}.{did_you_mean(hook, self.pm.known_hooks())}\n"
                    f"Known: {', '.join(self.pm.known_hooks())}.",
                    event=hook,
                )
            known = self._asked[hook] = (version, self.pm.implementations(hook))
        return known[1]

    def group_events(self) -> Mapping[str, Dispatch]:
        """Return the dispatchers of events about groups."""
        version, events = self._group_events
        if version != self.version:
            with self._guard:
                version = self.version
                events, _ = compile_events(cast("Session", self), (), "group")
                self._group_events = (version, events)
        return events

    def _call_all(self, hook: str, plugins: Iterable[object]) -> list[BaseException]:
        failures: list[BaseException] = []
        for plugin in plugins:
            try:
                self._call_hook(hook, plugin)
            except BaseException as error:  # noqa: BLE001 - all ends run; they are raised together
                failures.append(error)
        return failures

    def _own_ends(self) -> list[Callable[[], object]]:
        """What ends the session's own plugins, in pluggy's order: the last one first, and those that are `trylast` at the end."""
        own = {id(plugin) for _, plugin in self._own}
        ends = [found for found in self.pm.hook.session_end.get_hookimpls()[::-1] if id(found.plugin) in own]
        return [partial(found.function, *([self] if found.argnames else [])) for found in ends]

    def _call_hook(self, hook: str, plugin: object) -> None:
        for found in getattr(self.pm.hook, hook).get_hookimpls():
            if found.plugin is plugin:
                found.function(*([self] if found.argnames else []))

    def _changed(self, version: int) -> None:
        self.version = version

    # Measuring ------------------------------------------------------------------------------------------------------

    @overload
    def measure(
        self, kind: Literal["counter"], name: str, help: str, labels: Iterable[str] = ()
    ) -> Counter: ...
    @overload
    def measure(self, kind: Literal["gauge"], name: str, help: str, labels: Iterable[str] = ()) -> Gauge: ...
    @overload
    def measure(
        self,
        kind: Literal["histogram"],
        name: str,
        help: str,
        labels: Iterable[str] = (),
        *,
        buckets: Iterable[float] | None = None,
    ) -> Histogram: ...
    def measure(
        self,
        kind: str,
        name: str,
        help: str,  # noqa: A002 - the field's word
        labels: Iterable[str] = (),
        *,
        buckets: Iterable[float] | None = None,
    ) -> Any:
        """Return an instrument: what whoever measures in this session makes of it, or one that does nothing.

        The same arguments give the same instrument. It may be kept for as long as the session is open and its plugins stay, and
        used from any thread.

        Args:
            kind: `counter`, `gauge` or `histogram`.
            name: As it stands on a scrape page, with its unit (`_seconds`, `_bytes`, `_ratio`), and for a counter without
                `_total`: `shop_orders`.
            help: What it counts, in a sentence.
            labels: Names of its labels, each with few values; `instrument.labels(shop="a")` binds them.
            buckets: Of a histogram: upper bounds, rising; by default those that fit its unit.

        Raises:
            ValueError: An unknown kind, a name that Prometheus would not take, or one that is another instrument's already.
        """
        key = (
            kind,
            name,
            (labels,) if isinstance(labels, str) else tuple(labels),
            None if buckets is None else tuple(buckets),
        )
        known = self._instruments.get(key)
        if known is None or known[0] != self.version:
            check_instrument(*key)
            version = self.version
            made = self._ask(
                "make_instrument",
                {
                    "session": self,
                    "kind": kind,
                    "name": name,
                    "help": help,
                    "labels": key[2],
                    "buckets": key[3],
                },
                first=True,
                refusal=ValueError,
            )
            known = self._instruments[key] = (version, made[0] if made else NULL)
        return known[1]

    # Attaching ------------------------------------------------------------------------------------------------------

    def _attach_all(self, plugins: Iterable[object]) -> None:
        """Attach plugins together: the hook specs of all are there before any is checked, so their order does not matter."""
        made = [plugin for plugin in map(self._made, plugins) if plugin is not _DISABLED]
        for plugin in made:
            if not isinstance(plugin, type | Option):
                self.pm.bring_specs(plugin_name(plugin), plugin)
        for plugin in made:
            self._attach(plugin)

    def _made(self, plugin: object) -> object:
        """Return a plugin given by name, made with its defaults, or that its name is disabled; any other as it is."""
        if isinstance(plugin, str):
            return (
                _DISABLED
                if self.pm.is_blocked(plugin)
                else environment.make_named(plugin, discovery.find(plugin))
            )
        environment.tell_of_idle(plugin)
        return plugin

    def _attach(self, plugin: object, name: str | None = None) -> str | None:
        if isinstance(plugin, str):
            name, plugin = plugin, self._made(plugin)
            if plugin is _DISABLED:
                return None
        elif (option := _option_class(plugin)) is not None:
            raise InvalidPlugin(
                f"{option.__name__}(...) is an option, and goes on a task: @task({option.__name__}(...)).\n"
                f"For every task of a session: Session(defaults=[{option.__name__}(...)]).",
                plugin=option.__name__,
                hook="",
            )
        own = plugin_name(plugin)
        if name is not None and own != name:
            raise InvalidPlugin(
                f"plugin {name!r} calls itself {own!r}; its `name` must be the name it is known by.",
                plugin=name,
                hook="",
            )
        attached = self.pm.register(plugin, own)
        if attached is not None:
            self._own.append((attached, plugin))
        return attached


def _option_class(given: object) -> type[Option] | None:
    cls = given if isinstance(given, type) else type(given)
    return cls if issubclass(cls, Option) else None


_Implementation = Any  # pluggy's HookImpl
_DISABLED = object()


def all_options() -> Iterable[type[Option]]:
    """Return every class of options that was imported."""
    waiting: list[type[Option]] = [Option]
    for cls in waiting:  # as it grows
        waiting += cls.__subclasses__()
    return waiting
