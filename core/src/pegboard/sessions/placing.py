"""Where the functions of a session run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from pegboard import discovery, environment
from pegboard._first_party import CARRIER
from pegboard.errors import MissingPlugin
from pegboard.places import (
    BUILT_IN,
    INLINE,
    Executors,
    Place,
    levels_of,
    runs_here,
    unknown_executor,
    workers_of,
)
from pegboard.sessions.plugins import Plugins

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from pegboard.places import ExecutorLevel, Threads
    from pegboard.plans.plan import Divert


class Placing(Plugins):
    """A session's executors: its own, those of plugins, and the one that was handed in.

    Attributes:
        in_worker: Whether this session serves the functions that run in a worker.
    """

    diverted: Divert | None

    def __init__(self, plugins: Iterable[object], executor: str | Executor | Threads | None) -> None:
        self.in_worker = False
        self._own_executors = None if executor is None else Executors(executor)
        self.executors = self._own_executors or Executors(None)
        self._places: dict[str, Place] = {}
        super().__init__(plugins)
        self._check_executor()

    def executor_levels(self) -> Mapping[str, ExecutorLevel]:
        """Tell how busy the executors are that were used, by name; what an inner session inherits, the outer one tells of."""
        outer = self.outer
        inherited = outer is not None and self.executors is outer.executors
        told = set() if outer is None else {id(place.executor) for place in outer._places.values()}
        own = [place for place in list(self._places.values()) if id(place.executor) not in told]
        return levels_of(own if inherited else [*self.executors.places, *own])

    def place(self, name: str | None = None) -> Place:
        """Return the executor called `name`, the session's own without one.

        Raises:
            ConfigError: There is none of that name.
            MissingPlugin: What would take functions to it is not installed, or disabled.
        """
        if self.diverted is not None:
            return cast("Place", self.diverted("place", None, (name,), {}))
        if name is None:
            name = self.executors.default
        if self.in_worker and name not in BUILT_IN:
            name = INLINE  # it is where it was sent already
        place = self._places.get(name) or self.executors.get(name)
        if place is not None:
            return place
        with self._guard:
            return self._places.setdefault(name, self._ask_for_place(name))

    def _ask_for_place(self, name: str) -> Place:
        executor: Any = self.executors.handed_in if self.executors.is_handed_in(name) else None
        if executor is None:
            executor = next((made for made in self._made_executors(name, None) if made is not None), None)
        if executor is None:
            raise unknown_executor(name, list(self.plugins))
        if isinstance(executor, Place):
            return executor
        if runs_here(executor):
            return Place(name, executor.submit, workers_of(executor), executor)
        self._bring(CARRIER)
        return next(made for made in self._made_executors(name, executor) if isinstance(made, Place))

    def _made_executors(self, name: str, executor: Executor | None) -> Iterator[object]:
        given = {"session": self, "name": name, "executor": executor}
        for found in self.pm.in_order("make_executor"):
            if executor is not None and "executor" not in found.argnames:
                continue  # it has one of its own, and takes functions to no other
            yield found.function(*[given[each] for each in found.argnames])

    def bring_executor(self, name: str) -> None:
        """Attach the plugin that has the executor of this name, or that takes functions to the one that was handed in.

        Raises:
            MissingPlugin: It is not installed, or disabled.
        """
        if self.in_worker or self.executors.is_local(name):
            return
        if not self.executors.is_handed_in(name):
            self._bring(discovery.executor_plugin(name) or name)
        elif name not in self.plugins:  # which has it, if it is a plugin itself
            self._bring(CARRIER)

    def _bring(self, plugin: str) -> None:
        if self.pm.has_plugin(plugin):
            return
        if self.pm.is_blocked(plugin):
            raise MissingPlugin(
                f"the plugin {plugin!r}, which an executor needs, is disabled here.\n"
                f"Enable it, or choose another executor: {', '.join(BUILT_IN)}.",
                plugin=plugin,
            )
        self.register(environment.make_named(plugin, discovery.class_of(plugin)), plugin)

    def _check_executor(self) -> None:
        """Refuse at once an executor whose plugin is not there; one that is a plugin itself is attached.

        Raises:
            ConfigError, MissingPlugin: There is no executor of that name, or nothing that takes functions to this one.
        """
        executors = self.executors
        executor = executors.handed_in
        if callable(getattr(executor, "make_executor", None)):
            self._attach(executor)
        name = executors.default
        if executors.is_local(name) or self.pm.has_plugin(name):
            return
        plugin = CARRIER if executor is not None else discovery.executor_plugin(name)
        if plugin is None:
            raise unknown_executor(name, list(self.plugins))
        discovery.class_of(plugin)
