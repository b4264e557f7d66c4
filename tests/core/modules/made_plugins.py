"""Plugins made of a few hooks, and hooks of forms that no hook may have."""

from __future__ import annotations

from collections.abc import Callable

from pegboard import current_call, hookimpl, hookspec, task


def named(name: str, *hooks: Callable[..., object], **attributes: object):
    """Make a plugin with these hook implementations."""
    methods = {hook.__name__: hook for hook in hooks}
    return type("Plugin", (), {"name": name, **methods, **attributes})()


def bound(parts: object):
    """Make a plugin that answers `bind` with these parts."""

    @hookimpl
    def bind(self) -> object:
        return parts

    return named("binding", bind)


def as_hook(function, hook: str, **marks: bool):
    """Copy a function under the name of a hook, marked."""
    made = type(function)(function.__code__, function.__globals__, hook)
    return hookimpl(**marks)(made)


async def coroutine(self, call) -> None: ...


async def async_generator(self, call):
    yield


def generator(self, call):
    yield


@task
def emitting(*args: object, event: str = "on_step") -> None:
    current_call().emit(event, *args)


class Steps:
    """Specs of a plugin's own."""

    @hookspec
    def on_step(self, call, size: int, label: str) -> None:
        """Told by `call.emit`."""

    @hookspec
    def span_processors(self, session) -> None:
        """No event: its first argument is no call."""


class Stepping:
    """Brings specs."""

    name = "stepping"
    hookspecs = Steps
