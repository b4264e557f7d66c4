"""Which limit a task means: one that it shares by name, or its own.

A limit is a breaker, a rate limit or a concurrency limit here.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from pegboard import ConfigError
from pegboard.parts import new_lock

if TYPE_CHECKING:
    from pegboard import Task


class _Named(Protocol):
    @property
    def name(self) -> str: ...


class _Asked(Protocol):
    """What the options for limits have in common."""

    @property
    def name(self) -> str | None: ...
    @property
    def settings(self) -> tuple[object, ...]: ...


L = TypeVar("L", bound=_Named)


class _Owner(Generic[L]):
    """The limits of one function's own, for as long as the function lives."""

    def __init__(self, function: Callable[..., Any], gone: Callable[[object], object]) -> None:
        self.limits: dict[tuple[str, tuple[object, ...]], L] = {}
        try:
            self.function: object = weakref.ref(function, gone)
        except TypeError:  # a callable that cannot be referred to weakly is kept
            self.function = function


class Registry(Generic[L]):
    """The limits of one kind in one `Limits`.

    A limit outlives the plan that asked for it: a task that is bound again, in this session or the next, or that got other
    options beside this one, goes on with the same limit.
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._guard = new_lock()
        self._shared: dict[str, tuple[tuple[object, ...], str, L]] = {}
        self._owners: dict[int, _Owner[L]] = {}

    def get(self, task: Task[..., Any], option: _Asked, make: Callable[[str], L]) -> L:
        """Return the limit that an option on a task means; made with a name when there is none.

        Raises:
            ConfigError: Another task asked for a limit of this name with other settings.
        """
        with self._guard:
            if option.name is None:
                return self._own(task, option.settings, make)
            found = self._shared.get(option.name)
            if found is None:
                limit = make(self._free(option.name))
                self._shared[option.name] = option.settings, task.name, limit
                return limit
            if found[0] != option.settings:
                raise ConfigError(
                    f"task {task.name!r} and task {found[1]!r} share the {self._kind} {option.name!r}, and give it different "
                    f"settings, so nobody could tell which hold.\nGive both the same, or two names.",
                    where=type(option).__name__,
                    key=option.name,
                )
            return found[2]

    def all(self) -> list[L]:
        """Return the limits that there are."""
        with self._guard:
            return list(self._every())

    def _own(self, task: Task[..., Any], settings: tuple[object, ...], make: Callable[[str], L]) -> L:
        function = task.__wrapped__
        key = id(function)
        owner = self._owners.get(key)
        if owner is None:
            owner = self._owners[key] = _Owner(function, lambda _: self._owners.pop(key, None))
        limit = owner.limits.get((task.name, settings))
        if limit is None:
            limit = owner.limits[task.name, settings] = make(self._free(task.name))
        return limit

    def _every(self) -> Iterator[L]:
        yield from (limit for _, _, limit in self._shared.values())
        for owner in list(self._owners.values()):
            yield from owner.limits.values()

    def _free(self, name: str) -> str:
        """A name for a limit that no other has: the one wanted, or with a number behind it."""
        taken = {limit.name for limit in self._every()}
        numbers = iter(range(2, len(taken) + 3))
        free = name
        while free in taken:
            free = f"{name}#{next(numbers)}"
        return free
