"""Pegboard: a small task core with a grid of hooks; everything else is a plugin hung on a session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pegboard import errors
from pegboard._first_party import PROVIDED
from pegboard.calls.call import Call
from pegboard.current import current_call
from pegboard.errors import *  # noqa: F403 - all of them, by their own `__all__`
from pegboard.hookspecs import hookimpl, hookspec
from pegboard.layers import Layer, Order, Scope
from pegboard.options import On, Option, Priority
from pegboard.places import Threads
from pegboard.privacy import Secret
from pegboard.records import Outcome, TaskResult
from pegboard.running.group import Group
from pegboard.sessions.session import Session, current_session
from pegboard.sessions.sigterm import install_sigterm
from pegboard.tasks.task import Task, task

if TYPE_CHECKING:  # so that editors and type checkers see the real classes
    from pegboard import _first_party
    from pegboard._first_party import *  # noqa: F403 - the names that `__all__` has there

__all__ = [  # noqa: RUF022 - by concept
    # tasks and what they leave behind
    "Call",
    "Group",
    "On",
    "Option",
    "Outcome",
    "Priority",
    "Secret",
    "Task",
    "TaskResult",
    "current_call",
    "task",
    # sessions and plugins
    "Layer",
    "Order",
    "Scope",
    "Session",
    "Threads",
    "current_session",
    "hookimpl",
    "hookspec",
    "install_sigterm",
]
__all__ += errors.__all__

if TYPE_CHECKING:
    __all__ += _first_party.__all__  # else pyright calls them private


def __getattr__(name: str) -> Any:
    """Find a first-party option or plugin in its own distribution, when it is first asked for."""
    from pegboard import discovery

    extra = PROVIDED.get(name)
    if extra is None:
        meant = "" if name.startswith("_") else discovery.did_you_mean(name, [*__all__, *PROVIDED])
        # For Python itself nothing is near to None, so that nothing is suggested twice.
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}.{meant}", name=name, obj=None)

    found = discovery.of_member(
        extra, name, f"{name} needs the plugin {extra!r}: pip install 'pegboard[{extra}]'"
    )
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *PROVIDED})
