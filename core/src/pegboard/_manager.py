"""pluggy's plugin manager with Pegboard's manners: complete or not at all, and clear about what is wrong."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterable
from typing import Any

import pluggy
from pluggy import HookImpl

from pegboard import hookspecs
from pegboard._suggest import did_you_mean
from pegboard.errors import InvalidPlugin, PluginConflict

LIFECYCLE = frozenset(("session_start", "session_end", "bind"))
_next_version = itertools.count(1).__next__
_SUBJECTS = ("call", "group")


def plugin_name(plugin: object) -> str:
    """Name a plugin: its `name`, or that of its type or module."""
    name = getattr(plugin, "name", None) or getattr(plugin, "__name__", None)
    return name if isinstance(name, str) else type(plugin).__qualname__


class Manager(pluggy.PluginManager):
    """Registers, validates, orders.

    Attributes:
        version: A new number after every change, so that plans know when they are stale. No two managers ever have
            the same one, so a plan's version tells its session, too.
        monitors: How many are monitoring hook calls.
    """

    def __init__(self, blocked: Iterable[str] = (), on_change: Callable[[int], None] | None = None) -> None:
        super().__init__(hookspecs.PROJECT)
        self._on_change = on_change
        self._changed()
        self.monitors = 0
        self.add_hookspecs(hookspecs)
        for name in blocked:
            self.set_blocked(name)

    def register(self, plugin: object, name: str | None = None) -> str | None:
        """Attach a plugin, with the hook specs it brings in its attribute `hookspecs`, or leave everything as it was.

        Returns:
            Its name; None when that name is blocked, or when this very instance is attached already.

        Raises:
            InvalidPlugin: It is a class, or one of its hooks is misspelt, async, a wrapper or of another signature.
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
        if other is plugin or self.is_blocked(name):
            return None
        if other is not None:
            claimants = (type(other).__qualname__, type(plugin).__qualname__)
            raise PluginConflict(
                f"two plugins of this session are called {name!r}: a {claimants[0]} and a {claimants[1]}.\n"
                f"Attach one of them, or give them different names. An inner session may replace one by name.",
                plugin=name,
                claimants=claimants,
            )
        specs = getattr(plugin, "hookspecs", None)
        if specs is not None:
            self._add_specs(name, specs)
        self._refuse_bad_hooks(name, plugin)
        try:
            super().register(plugin, name)
            self._refuse_unknown_hooks(name)
        except BaseException as error:
            if self.get_plugin(name) is plugin:
                super().unregister(plugin)
            if isinstance(error, pluggy.PluginValidationError):
                raise InvalidPlugin(f"plugin {name!r}: {error}", plugin=name, hook="") from None
            raise
        self._changed()
        return name

    def unregister(self, plugin: object | None = None, name: str | None = None) -> Any:
        """Detach a plugin by instance or name, and return it."""
        removed = super().unregister(plugin, name)
        self._changed()
        return removed

    def parse_hookimpl_opts(self, plugin: object, name: str) -> pluggy.HookimplOpts | None:
        """Read the marks of one attribute; properties are left alone, as reading them would run code."""
        if isinstance(inspect.getattr_static(plugin, name, None), property):
            return None
        return super().parse_hookimpl_opts(plugin, name)

    def add_hookcall_monitoring(self, before: Any, after: Any) -> Callable[[], None]:
        """Monitor every hook call with pluggy's own tools; until undone, events go through `hook.*`."""
        undo = super().add_hookcall_monitoring(before, after)
        self.monitors += 1
        self._changed()

        def stop() -> None:
            undo()
            self.monitors -= 1
            self._changed()

        return stop

    def events(self) -> dict[str, tuple[str, ...]]:
        """Map every event to its parameters: the hook specs whose first argument is a call or a group."""
        specs = {
            name: caller.spec
            for name, caller in vars(self.hook).items()
            if isinstance(caller, pluggy.HookCaller)
        }
        return {
            name: spec.argnames
            for name, spec in specs.items()
            if spec is not None and spec.argnames and spec.argnames[0] in _SUBJECTS
        }

    def implementations(self, hook: str) -> list[HookImpl]:
        """Return the implementations of a hook in pluggy's calling order: last attached first."""
        return list(reversed(getattr(self.hook, hook).get_hookimpls()))

    def in_order(self, hook: str) -> list[HookImpl]:
        """Return the implementations of a hook in the order of attachment, `tryfirst` ones first."""
        return sorted(
            getattr(self.hook, hook).get_hookimpls(), key=lambda found: found.trylast - found.tryfirst
        )

    def hook_attributes(self, plugin: object) -> list[tuple[str, Callable[..., Any], pluggy.HookimplOpts]]:
        """List the hook implementations of any object: name, function, marks."""
        found = ((name, self.parse_hookimpl_opts(plugin, name)) for name in dir(plugin))
        return [
            (opts["specname"] or name, getattr(plugin, name), opts)
            for name, opts in found
            if opts is not None
        ]

    def refuse_bad_observer(
        self, owner: str, hook: str, function: Callable[..., Any], opts: pluggy.HookimplOpts
    ) -> None:
        """Refuse what could never work as an observer: a wrapper, an `async def`, a generator."""
        if hook not in LIFECYCLE and hook not in self.events():
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

    def _changed(self) -> None:
        self.version = _next_version()
        if self._on_change is not None:
            self._on_change(self.version)

    def _add_specs(self, owner: str, specs: Any) -> None:
        """Add the specs that a plugin brings; an inner session may get the same ones again."""
        callers = vars(self.hook)
        brought = [name for name in dir(specs) if self.parse_hookspec_opts(specs, name) is not None]
        known = [name for name in brought if name in callers and callers[name].has_spec()]
        foreign = [name for name in known if callers[name].spec.namespace is not specs]
        if foreign:
            raise InvalidPlugin(
                f"plugin {owner!r} brings hook specs that exist already: {', '.join(foreign)}.\n"
                f"Give them names of their own; a spec belongs to one plugin.",
                plugin=owner,
                hook=foreign[0],
            )
        if not known:
            self.add_hookspecs(specs)

    def _refuse_bad_hooks(self, owner: str, plugin: object) -> None:
        for hook, function, opts in self.hook_attributes(plugin):
            self.refuse_bad_observer(owner, hook, function, opts)

    def _refuse_unknown_hooks(self, owner: str) -> None:
        for name, caller in vars(self.hook).items():
            if not isinstance(caller, pluggy.HookCaller) or caller.has_spec():
                continue
            if any(found.plugin_name == owner and not found.optionalhook for found in caller.get_hookimpls()):
                known = sorted(
                    n for n, c in vars(self.hook).items() if isinstance(c, pluggy.HookCaller) and c.has_spec()
                )
                raise InvalidPlugin(
                    f"plugin {owner!r} implements {name!r}, and there is no such hook.{did_you_mean(name, known)}\nKnown: {', '.join(known)}.",
                    plugin=owner,
                    hook=name,
                )
