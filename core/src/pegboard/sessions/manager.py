"""pluggy's plugin manager with Pegboard's manners: complete or not at all, and clear about what is wrong."""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Callable, Iterable
from typing import Any

import pluggy
from pluggy import HookImpl

from pegboard import hookspecs, texts
from pegboard.discovery import did_you_mean, plugin_name
from pegboard.errors import InvalidPlugin, PluginConflict
from pegboard.parts import checks
from pegboard.plans.events import OnFailure, contain, plain_function

LIFECYCLE = frozenset(("session_start", "session_end", "bind"))
_next_version = itertools.count(1).__next__
_SUBJECTS = frozenset(("call", "group"))


class Manager(pluggy.PluginManager):
    """Registers, validates, orders.

    Attributes:
        version: A new number after every change, so that plans know when they are stale. No two managers ever have
            the same one, so a plan's version tells its session, too.
        monitors: How many are monitoring hook calls.
    """

    def __init__(
        self,
        blocked: Iterable[str] = (),
        on_change: Callable[[int], None] | None = None,
        on_failure: OnFailure | None = None,
    ) -> None:
        self._on_failure = on_failure
        self._events: dict[str, tuple[str, ...]] | None = None
        super().__init__(hookspecs.PROJECT)
        self._on_change = on_change
        self.changed()
        self.monitors = 0
        self.add_hookspecs(hookspecs)
        for name in blocked:
            self.set_blocked(name)

    def register(self, plugin: object, name: str | None = None) -> str | None:
        """Attach a plugin, with the hook specs it brings in its attribute `hookspecs`, or leave everything as it was.

        Returns:
            Its name; None when that name is blocked, or when this very instance is attached already.

        Raises:
            InvalidPlugin: It is a class, or has no hook, or one that is misspelt, async, a wrapper or of another signature.
            PluginConflict: Another plugin has that name.
        """
        name = name or plugin_name(plugin)
        if isinstance(plugin, type):
            raise InvalidPlugin(
                f"{plugin.__name__} is a class, and a session takes instances: Session({plugin.__name__}(), ...).",
                plugin=plugin.__name__,
                hook="",
            )
        other = self.get_plugin(name)
        if self.is_blocked(name) or (other is plugin and plugin is not None):
            return None
        if other is not None:
            claimants = (type(other).__qualname__, type(plugin).__qualname__)
            raise PluginConflict(
                f"two plugins of this session are called {name!r}: {texts.a(claimants[0])} and {texts.a(claimants[1])}.\n"
                f"Attach one of them, or give them different names. An inner session may replace one by name.",
                plugin=name,
                claimants=claimants,
            )
        added = self.bring_specs(name, plugin)
        try:
            self._refuse_bad_hooks(name, plugin)
            super().register(plugin, name)
            self._refuse_unknown_hooks(name)
        except BaseException as error:
            if self.has_plugin(name):
                super().unregister(name=name)
            self.remove_specs(added)
            if isinstance(error, pluggy.PluginValidationError):
                raise InvalidPlugin(f"plugin {name!r}: {error}", plugin=name, hook="") from None
            raise
        self._contain_hooks_of_plugins()
        self.changed()
        return name

    def _contain_hooks_of_plugins(self) -> None:
        """Isolate the implementations of hooks that plugins brought and that are no events, as those of events are."""
        if self._on_failure is None:
            return
        for hook, caller in self._callers():
            if self._is_a_plugins_own(hook, caller):
                for found in caller.get_hookimpls():
                    contain(found, hook, self._on_failure)

    def _is_a_plugins_own(self, hook: str, caller: pluggy.HookCaller) -> bool:
        return (
            caller.spec is not None and caller.spec.namespace is not hookspecs and hook not in self.events()
        )

    def unregister(self, plugin: object | None = None, name: str | None = None) -> Any:
        """Detach a plugin by instance or name, and return it."""
        removed = super().unregister(plugin, name)
        self.changed()
        return removed

    def parse_hookimpl_opts(self, plugin: object, name: str) -> pluggy.HookimplOpts | None:
        """Read the marks of one attribute; properties are left alone, as reading them would run code."""
        if isinstance(inspect.getattr_static(plugin, name, None), property | functools.cached_property):
            return None
        return super().parse_hookimpl_opts(plugin, name)

    def add_hookcall_monitoring(self, before: Any, after: Any) -> Callable[[], None]:
        """Monitor every hook call with pluggy's own tools; until undone, events go through `hook.*`."""
        undo = super().add_hookcall_monitoring(before, after)
        stopped = False
        self.monitors += 1
        self.changed()

        def stop() -> None:
            nonlocal stopped
            if not stopped:
                stopped = True
                undo()
                self.monitors -= 1
                self.changed()

        return stop

    def events(self) -> dict[str, tuple[str, ...]]:
        """Map every event to its parameters: the hook specs whose first argument is a call or a group."""
        if self._events is None:  # asked for in every `emit`, and changed by few
            specs = {name: caller.spec for name, caller in self._callers() if caller.spec is not None}
            self._events = {
                name: spec.argnames for name, spec in specs.items() if {*spec.argnames[:1]} & _SUBJECTS
            }
        return self._events

    def add_hookspecs(self, module_or_class: Any) -> None:
        """Add the hook specs of a module or class."""
        super().add_hookspecs(module_or_class)
        self._events = None

    def implementations(self, hook: str) -> list[HookImpl]:
        """Return the implementations of a hook in pluggy's calling order: last attached first."""
        return list(reversed(getattr(self.hook, hook).get_hookimpls()))

    def function_of(self, found: HookImpl) -> Callable[..., Any]:
        """Return what implements a hook, for whoever calls it himself and sees to its errors."""
        function: Callable[..., Any] = plain_function(found)
        return function

    def in_order(self, hook: str) -> list[HookImpl]:
        """Return the implementations of a hook in the order of attachment, `tryfirst` ones first."""
        return sorted(
            getattr(self.hook, hook).get_hookimpls(), key=lambda found: found.trylast - found.tryfirst
        )

    def hook_attributes(self, plugin: object) -> list[tuple[str, Callable[..., Any], pluggy.HookimplOpts]]:
        """List the hook implementations of any object: name, function, marks."""
        names = [name for name in dir(plugin) if not name.startswith("__")]  # no hook is called so
        found = ((name, self.parse_hookimpl_opts(plugin, name)) for name in names)
        return [
            (opts["specname"] or name, getattr(plugin, name), opts)
            for name, opts in found
            if opts is not None
        ]

    def refuse_bad_observer(
        self, owner: str, hook: str, function: Callable[..., Any], opts: pluggy.HookimplOpts
    ) -> None:
        """Refuse what could never work as an observer: a wrapper, an `async def`, a generator."""
        if hook not in LIFECYCLE and hook not in self.events() and not opts["optionalhook"]:
            return
        if opts["wrapper"] or opts["hookwrapper"]:
            raise InvalidPlugin(
                f"plugin {owner!r}: {hook} is a wrapper, and an observer may only watch.\n"
                f"To run code around a call, return a Layer from bind(session, task); to hold a context open, a Scope.",
                plugin=owner,
                hook=hook,
            )
        if (
            inspect.iscoroutinefunction(function)
            or inspect.isasyncgenfunction(function)
            or inspect.isgeneratorfunction(function)
        ):
            raise InvalidPlugin(
                f"plugin {owner!r}: {hook} is not a plain function, so its body would never run.\n"
                f"Observers are synchronous and quick: write `def {hook}(...)`. To await around a call, return a Layer from bind.",
                plugin=owner,
                hook=hook,
            )

    def changed(self) -> None:
        """Have every plan made anew."""
        self.version = _next_version()
        self._events = None
        if self._on_change is not None:
            self._on_change(self.version)

    def bring_specs(self, owner: str, plugin: object) -> list[str]:
        """Add the specs that a plugin brings and that are not there yet; an inner session may get the same ones again.

        Returns:
            The names of those added.

        Raises:
            InvalidPlugin: There are none, or one exists already and belongs to another plugin.
        """
        specs = getattr(plugin, "hookspecs", None)
        if specs is None:
            return []
        callers = vars(self.hook)
        brought = [name for name in dir(specs) if self.parse_hookspec_opts(specs, name) is not None]
        if not brought:
            raise InvalidPlugin(
                f"plugin {owner!r} has `hookspecs`, and nothing in it is marked with @hookspec.",
                plugin=owner,
                hook="",
            )
        known = [name for name in brought if name in callers and callers[name].has_spec()]
        foreign = [name for name in known if callers[name].spec.namespace is not specs]
        if foreign:
            raise InvalidPlugin(
                f"plugin {owner!r} brings hook specs that exist already: {', '.join(foreign)}.\n"
                f"Give them names of their own; a spec belongs to one plugin.",
                plugin=owner,
                hook=foreign[0],
            )
        if known:
            return []
        self.add_hookspecs(specs)
        return brought

    def remove_specs(self, names: Iterable[str]) -> None:
        """Forget hook specs whose plugin was refused; implementations that awaited them as optional go on waiting."""
        for name in names:
            caller = getattr(self.hook, name)
            caller.spec = None
            if not caller.get_hookimpls():
                delattr(self.hook, name)
        self._events = None

    def _refuse_bad_hooks(self, owner: str, plugin: object) -> None:
        found = self.hook_attributes(plugin)
        if (
            not found
            and not hasattr(plugin, "hookspecs")
            and not isinstance(getattr(plugin, "name", None), str)
        ):
            one_by_one = (
                " They are given one by one: Session(*plugins)."
                if isinstance(plugin, list | tuple | set)
                else ""
            )
            raise InvalidPlugin(
                f"{checks.shown(plugin)} is no plugin: it has no hook and no name, so attaching it would do nothing.{one_by_one}\n"
                f"A session takes instances of plugins, and names of installed ones. Options go on tasks.",
                plugin=owner,
                hook="",
            )
        self._refuse_unmarked_hooks(owner, plugin)
        if not found:
            self._refuse_hooks_of_others(owner, plugin)
        for hook, function, opts in found:
            self.refuse_bad_observer(owner, hook, function, opts)

    def _refuse_unmarked_hooks(self, owner: str, plugin: object) -> None:
        for hook in self.known_hooks():
            method = _function_of(inspect.getattr_static(plugin, hook, None))
            if inspect.isfunction(method) and self.parse_hookimpl_opts(plugin, hook) is None:
                others = _project_of(method)
                marked = f" marked as a hook of {others!r} and" if others else ""
                raise InvalidPlugin(
                    f"plugin {owner!r} has a method {hook!r}{marked} without @hookimpl, so it would never be called.\n"
                    f"Mark it, or give it another name if it is not meant as a hook.",
                    plugin=owner,
                    hook=hook,
                )

    def _refuse_hooks_of_others(self, owner: str, plugin: object) -> None:
        """Refuse a plugin all of whose hooks have the marker of another project."""
        for name in dir(plugin):
            others = _project_of(_function_of(inspect.getattr_static(plugin, name, None)))
            if others:
                raise InvalidPlugin(
                    f"plugin {owner!r} has {name!r} marked as a hook of {others!r}, and no hook with Pegboard's @hookimpl, so nothing "
                    f"of it would ever be called.\nMark its hooks with `from pegboard import hookimpl`.",
                    plugin=owner,
                    hook=name,
                )

    def known_hooks(self) -> list[str]:
        """Return the names of all hook specs, sorted."""
        return sorted(name for name, caller in self._callers() if caller.has_spec())

    def _callers(self) -> list[tuple[str, pluggy.HookCaller]]:
        return [each for each in vars(self.hook).items() if isinstance(each[1], pluggy.HookCaller)]

    def _refuse_unknown_hooks(self, owner: str) -> None:
        for name, caller in self._callers():
            found = [each for each in caller.get_hookimpls() if each.plugin_name == owner]
            if not caller.has_spec() and not all(each.optionalhook for each in found):
                known = self.known_hooks()
                raise InvalidPlugin(
                    f"plugin {owner!r} implements {name!r}, and there is no such hook.{did_you_mean(name, known)}\nKnown: {', '.join(known)}.",
                    plugin=owner,
                    hook=name,
                )


def _function_of(attribute: object) -> object:
    """The function of a method, static and class ones included."""
    return attribute.__func__ if isinstance(attribute, staticmethod | classmethod) else attribute


def _project_of(function: object) -> str | None:
    """The project whose marker of pluggy's a function has, if it has one that is not ours."""
    marks = vars(function) if inspect.isfunction(function) else {}
    return next(
        (
            name.removesuffix("_impl")
            for name, options in marks.items()
            if name.endswith("_impl") and name != f"{hookspecs.PROJECT}_impl" and isinstance(options, dict)
        ),
        None,
    )
