"""Making a plan: options bring their plugins, plugins answer `bind`, events are compiled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pegboard import texts
from pegboard.discovery import did_you_mean, plugin_name
from pegboard.errors import BindError, InvalidPlugin, MissingPlugin, PegboardError, PluginConflict
from pegboard.layers import Layer, Scope
from pegboard.options import On
from pegboard.places import BUILT_IN, RemotePlace
from pegboard.plans.events import Dispatch, Observer, compile_event, plain_function, through_pluggy
from pegboard.plans.plan import Plan

if TYPE_CHECKING:
    from pluggy import HookImpl

    from pegboard.options import Option
    from pegboard.sessions.session import Session
    from pegboard.tasks.task import Task


def make_plan(session: Session, task: Task[..., Any]) -> Plan:
    """Resolve what `task` does in `session`.

    Raises:
        MissingPlugin: An option's plugin is not there.
        BindError: A plugin failed to bind, or cannot wrap this task.
    """
    options = merged_options(task, session.defaults)
    _bring_plugins(session, task, options)
    on = next((option.executor for option in options if isinstance(option, On)), None)
    if on is not None and on not in BUILT_IN:
        session.bring_executor(on)
    place = None if on is None else session.place(on)
    version = session.version  # after the plugins came, before they are asked
    seen = task if options == task.options else task._seen_with(options)
    layers: list[Layer] = []
    scopes: list[Scope] = []
    bound: list[Observer] = []
    for found in session.pm.in_order("bind"):
        for part in _bind(session, seen, found):
            if isinstance(part, Layer | Scope):
                object.__setattr__(part, "plugin", found.plugin_name)  # frozen towards plugins
            if isinstance(part, Layer):
                layers.append(part)
            elif isinstance(part, Scope):
                scopes.append(part)
            else:
                bound.extend(_bound_observers(session, task, found.plugin_name, part))
    layers.sort(key=lambda layer: layer.order)
    _verify(task, layers)
    events, observers = compile_events(session, bound, "call")
    remote = place if isinstance(place, RemotePlace) else None
    plan = Plan(
        session,
        task,
        version,
        options=options,
        layers=tuple(layers),
        scopes=tuple(scopes),
        events=events,
        observers=observers,
        place=remote,
    )
    plan.own_place = place
    return plan


def merged_options(task: Task[..., Any], defaults: Iterable[Option]) -> tuple[Option, ...]:
    """The task's own options, then the session's defaults that it neither overrides nor excludes by its kind."""
    own = {type(option) for option in task.options}
    return (
        *task.options,
        *(
            option
            for option in defaults
            if type(option) not in own
            and task.kind in option.kinds
            and not (task.sensitive and option.stores_values)
        ),
    )


def _bring_plugins(session: Session, task: Task[..., Any], options: Iterable[Option]) -> None:
    """Attach the plugins that options need and that are not there, all together, so that their order does not matter."""
    needed: dict[str, Option] = {}
    for option in options:
        plugin = _class_of(session, option, task)
        if plugin is not None:
            if not isinstance(plugin, type):
                raise _not_a_class(option, plugin)
            name = option.plugin_name or plugin_name(plugin)
            if name not in needed and not _is_served(session, task, option, plugin, name):
                needed[name] = option
    if needed:
        made = [_made(session, option, task) for option in needed.values()]
        session.register_all(each for each in made if each is not None)


def _class_of(session: Session, option: Option, task: Task[..., Any]) -> type | None:
    try:
        return option.plugin()
    except MissingPlugin:
        if session.pm.has_plugin(option.plugin_name):  # attached by hand, and its class is nobody's to know
            return None
        raise
    except PegboardError:
        raise
    except Exception as error:
        what = type(option).__name__
        raise MissingPlugin(
            f"task {task.name!r} asks for {what}, and {what}.plugin() failed with {type(error).__name__}: {error}\n"
            f"It is asked for the class of the plugin, and has to return that, not one of it: one that needs settings is attached "
            f"with them, Session(Plugin(...), ...), or made by {what}.make().",
            plugin=option.plugin_name,
        ) from error


def _not_a_class(option: Option, plugin: object) -> InvalidPlugin:
    what = type(option).__name__
    return InvalidPlugin(
        f"{what}.plugin() returned {texts.a(type(plugin).__name__)}, and the class of the plugin is needed, to tell whether one of it is "
        f"attached already.\nReturn the class; if it cannot be made without settings, override `make` as well.",
        plugin=option.plugin_name,
        hook="",
    )


def _is_served(session: Session, task: Task[..., Any], option: Option, plugin: type, name: str) -> bool:
    """Whether an option needs no plugin brought: one serves it, or it is ignored here.

    Raises:
        PluginConflict: A plugin of another class has the name of the option's.
        MissingPlugin: The session brings none.
    """
    found = session.pm.get_plugin(name)
    if isinstance(found, plugin):
        return True
    what = type(option).__name__
    if found is not None:
        if session.in_worker:  # it serves at home, and was not made anew here
            return True
        theirs, own = type(found), plugin
        raise PluginConflict(
            f"task {task.name!r} asks for {what}, which belongs to {own.__module__}.{own.__qualname__}, and the plugin called "
            f"{name!r} in this session is {texts.a(theirs.__module__)}.{theirs.__qualname__}, so the option would be silently ignored.\n"
            f"Attach the one that the task needs, or give the other a name of its own.",
            plugin=name,
            claimants=(own.__qualname__, theirs.__qualname__),
        )
    if any(isinstance(each, plugin) for each in session.plugins.values()):
        return True
    if session.pm.is_blocked(name):
        session.faults.warn_once(
            name, f"plugin {name!r} is disabled, so {what} on task {task.name!r} is ignored"
        )
        return True
    if session.strict_plugins:
        raise MissingPlugin(
            f"task {task.name!r} asks for {what}, which needs the plugin {name!r}.\n"
            f"This session refuses to attach plugins by itself (strict_plugins=True), so the option would be silently ignored.\n"
            f"Attach it: Session({name!r}, ...). Attached: {', '.join(session.plugins) or 'none'}.",
            plugin=name,
        )
    return False


def _made(session: Session, option: Option, task: Task[..., Any]) -> object:
    """Make the plugin of an option; None in a worker, where it serves at home and was not made anew, as its settings are not here."""
    try:
        return option.make()
    except PegboardError:
        raise
    except Exception as error:
        what = type(option).__name__
        if session.in_worker:
            session.faults.warn_once(
                option.plugin_name,
                f"{what} on task {task.name!r} is ignored in a worker: its plugin stayed at home",
            )
            return None
        why = str(error) if isinstance(error, TypeError) else f"{type(error).__name__}: {error}"
        raise MissingPlugin(
            f"task {task.name!r} asks for {what}, and its plugin cannot be made without settings: {why}\n"
            f"Attach it with them: Session({getattr(option.plugin(), '__name__', what)}(...), ...).",
            plugin=option.plugin_name,
        ) from error


def _bind(session: Session, task: Task[..., Any], found: HookImpl) -> list[object]:
    given = {"session": session, "task": task}
    try:
        parts = found.function(*[given[name] for name in found.argnames])
    except BindError:
        raise
    except Exception as error:
        raise _failed_to_bind(found.plugin_name, task, error) from error
    if parts is None:
        return []
    return list(parts) if isinstance(parts, list | tuple) else [parts]


def _verify(task: Task[..., Any], layers: list[Layer]) -> None:
    """Let layers refuse the task, now that all are known."""
    provided = frozenset(name for layer in layers for name in layer.provides)
    for layer in layers:
        if layer.verify is not None:
            try:
                layer.verify(provided)
            except BindError:
                raise
            except Exception as error:
                raise _failed_to_bind(layer.plugin, task, error) from error


def _failed_to_bind(plugin: str, task: Task[..., Any], error: Exception) -> BindError:
    return BindError(
        f"plugin {plugin!r} failed to bind task {task.name!r}: {type(error).__name__}: {error}\n"
        f"The task did not run. Mend the plugin or its option, or detach it with session.unregister({plugin!r}).",
        plugin=plugin,
        task=task.name,
    )


def _bound_observers(session: Session, task: Task[..., Any], owner: str, part: object) -> list[Observer]:
    known = {event: parameters for event, parameters in session.events.items() if parameters[0] == "call"}
    observers = []
    for hook, function, opts in session.pm.hook_attributes(part):
        if hook not in known:
            raise BindError(
                f"plugin {owner!r} bound {hook!r} to task {task.name!r}, which is no event of a call.{did_you_mean(hook, known)}\n"
                f"Known: {', '.join(sorted(known))}.",
                plugin=owner,
                task=task.name,
            )
        try:
            session.pm.refuse_bad_observer(owner, hook, function, opts)
        except InvalidPlugin as error:
            raise BindError(f"task {task.name!r}: {error}", plugin=owner, task=task.name) from None
        wanted = arguments_of(function)
        if not set(wanted) <= set(known[hook]):
            raise BindError(
                f"plugin {owner!r} bound {hook}({', '.join(wanted)}) to task {task.name!r}.\n"
                f"An observer may ask for any of: {', '.join(known[hook])}.",
                plugin=owner,
                task=task.name,
            )
        observers.append(Observer(owner, hook, function, wanted))
    if not observers:
        raise BindError(
            f"plugin {owner!r} returned {texts.a(type(part).__name__)} from bind for task {task.name!r}.\n"
            f"Return a Layer, a Scope, an object with methods marked @hookimpl, a list of these, or None.",
            plugin=owner,
            task=task.name,
        )
    return observers


def arguments_of(function: Any) -> tuple[str, ...]:
    """The arguments a function asks for: those without a default, in order; pluggy's rule."""
    import inspect

    parameters = inspect.signature(function).parameters.values()
    return tuple(
        p.name
        for p in parameters
        if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    )


_FIRST = {"call": "before_execute", "group": "before_group"}


def compile_events(
    session: Session, bound: Iterable[Observer], subject: str
) -> tuple[Mapping[str, Dispatch], Mapping[str, tuple[str, ...]]]:
    """Build a dispatcher for every event about a `call` or a `group` that somebody observes.

    Returns:
        The dispatchers by event, and the names of the plugins that each tells, in that order.
    """
    pm = session.pm
    closed = None if session.in_flight is None else session.in_flight.closed
    compiled: dict[str, Dispatch] = {}
    told: dict[str, tuple[str, ...]] = {}
    extra: dict[str, list[Observer]] = {}
    for observer in bound:
        extra.setdefault(observer.event, []).insert(0, observer)  # last attached first, as in pluggy
    for event, parameters in pm.events().items():
        if parameters[0] != subject:
            continue
        attached = [
            (found, Observer(found.plugin_name, event, plain_function(found), found.argnames))
            for found in pm.implementations(event)
        ]
        mine = extra.get(event, [])
        observers = [observer for _, observer in attached] + mine
        if observers:
            told[event] = tuple(observer.plugin for observer in observers)
        if pm.monitors:
            caller = getattr(pm.hook, event)
            observers = [through_pluggy(caller, parameters, attached, session.faults.of_observer), *mine]
        if observers:
            compiled[event] = compile_event(
                event, parameters, observers, session.faults.of_observer, closed=closed
            )
    first = _FIRST[subject]
    if compiled and closed is not None and first not in compiled:  # so that it is known what has begun
        compiled[first] = compile_event(first, (subject,), (), session.faults.of_observer, closed=closed)
    return compiled, told
