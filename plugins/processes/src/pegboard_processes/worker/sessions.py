"""The sessions of a worker: one for each session at home whose calls come here, made when the first does."""

from __future__ import annotations

import atexit
import importlib
from collections import OrderedDict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pegboard.environment import noted
from pegboard.errors import InvalidPlugin
from pegboard.parts import new_lock
from pegboard.parts.contexts import context_manager
from pegboard.privacy import loggable
from pegboard.sessions.serving import SERVING
from pegboard.sessions.session import Session
from pegboard_processes import hookspecs
from pegboard_processes.wire.parcels import is_rebuildable
from pegboard_processes.wire.pickling import loads
from pegboard_processes.wire.progress import HERE
from pegboard_processes.worker.measuring import NestedMeasurements

if TYPE_CHECKING:
    from pegboard.layers import Scope
    from pegboard_processes.wire.parcels import Recipe, SessionSpec

_SESSIONS_MOST = 8


class WorkerSession:
    """One session of a worker.

    Attributes:
        spec: What it was made from.
        session: The open session.
        scopes: What plugins put around each function.
        nested: What measures nested calls, or None.
        users: How many parcels are at work in it; kept by `WorkerSessions`.
    """

    def __init__(self, spec: SessionSpec) -> None:
        self.spec = spec
        self.users = 0
        self.nested = NestedMeasurements() if spec.measured else None
        plugins = [_InWorker(), *(_remake(recipe) for recipe in spec.recipes)]
        if self.nested is not None:
            plugins.append(self.nested)
        self.session = Session(*plugins, defaults=spec.defaults, inherit=False)
        self.session.id = spec.id
        self.session.in_worker = True
        self.session.acquire(None)
        try:
            self.scopes = self._scopes()
        except BaseException:
            self.session.release(None)
            raise

    def _scopes(self) -> list[Scope]:
        made: list[Any] = [
            found.function(*[self.session for _ in found.argnames])
            for found in self.session.pm.in_order("bind_worker")
        ]
        return [scope for scope in made if scope is not None]


class _InWorker:
    """Stands where a session at home has what took the function here, with its hook specs."""

    name = "processes"
    hookspecs = hookspecs


class WorkerSessions:
    """Those that are open in this process; the one not used for the longest ends when there are too many.

    None ends while a parcel is at work in it, unless all do: some engines run several parcels at once, each in a thread.
    """

    def __init__(self) -> None:
        self._guard = new_lock()
        self._open: OrderedDict[bytes, WorkerSession] = OrderedDict()
        self._unlisted: set[WorkerSession] = set()
        self._watched = False

    def get(self, spec: bytes) -> WorkerSession:
        """Return the session of this pickled spec."""
        with self.using(spec) as found:
            return found

    @context_manager
    def using(self, spec: bytes) -> Iterator[WorkerSession]:
        """Give the session of this pickled spec, and have it open for as long as the block lasts."""
        with self._guard:
            found = self._open.get(spec)
            if found is None:
                self._end_with_process()
                found = self._open[spec] = WorkerSession(loads(spec))
            self._open.move_to_end(spec)
            found.users += 1
            if HERE.parcel and SERVING.installed is not found.session:  # for threads of the function
                SERVING.install(found.session)
                SERVING.elsewhere.clear()  # of who forked this process
            idle = [key for key, each in self._open.items() if not each.users]
            old = self._unlist(idle[: max(len(self._open) - _SESSIONS_MOST, 0)])
        for each in old:
            _end(each)
        try:
            yield found
        finally:
            with self._guard:
                found.users -= 1
                over = not found.users and found in self._unlisted
                if over:
                    self._unlisted.remove(found)
            if over:
                _end(found)

    def end(self, session_id: str) -> None:
        """End those of one session at home; with the last parcel that is at work in it, if there is one."""
        with self._guard:
            keys = [key for key, each in self._open.items() if each.spec.id == session_id]
            ending = self._unlist(keys)
        for each in reversed(ending):
            _end(each)

    def close(self) -> None:
        """End all: exporters send what they have."""
        with self._guard:
            ending = [*self._unlisted, *self._open.values()]
            self._open.clear()
            self._unlisted.clear()
        for each in reversed(ending):
            _end(each)

    def _unlist(self, keys: list[bytes]) -> list[WorkerSession]:
        """Take some out, and return those that nobody uses."""
        taken = [self._open.pop(key) for key in keys]
        self._unlisted.update(each for each in taken if each.users)
        return [each for each in taken if not each.users]

    def _end_with_process(self) -> None:
        """See to it that they end with this process, whoever made it."""
        if self._watched:
            return
        self._watched = True
        HERE.at_end.append(self.close)
        atexit.register(self.close)
        from multiprocessing import parent_process, util

        if parent_process() is not None:  # such a process ends without `atexit`
            util.Finalize(None, self.close, exitpriority=10)


def _end(ending: WorkerSession) -> None:
    if SERVING.installed is ending.session:
        SERVING.install(None)
    try:
        ending.session.release(None)
    except Exception as error:
        import logging

        told = loggable(error)
        logging.getLogger("pegboard").exception("a session of a worker did not end well", exc_info=told)


def _remake(recipe: Recipe) -> object:
    """Make a plugin anew, from a class that says of itself that it can be.

    Raises:
        InvalidPlugin: The recipe names something else.
    """
    found: Any = importlib.import_module(recipe.module)
    for part in recipe.qualname.split("."):
        found = getattr(found, part, None)
    if not is_rebuildable(found) or found.name != recipe.name:
        raise InvalidPlugin(
            f"a worker was asked to make {recipe.module}.{recipe.qualname} as the plugin {recipe.name!r}, and that is no "
            f"plugin class of this name with `worker_settings`.",
            plugin=recipe.name,
            hook="",
        )
    return noted(found(**recipe.settings))


WORKER_SESSIONS = WorkerSessions()
