"""Home's side: packs calls into parcels, and makes of a reply what their function returned or raised."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor, Future
from math import inf
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from pegboard.calls.call import next_number, process_prefix
from pegboard.errors import ConfigError, PegboardError, TransportError, WorkerDied
from pegboard.parts.stopping import stop_in_force, wait_for
from pegboard_processes.pool.executor import ProcessPool
from pegboard_processes.wire.errors import transport_error, unpack
from pegboard_processes.wire.parcels import Item, Parcel, Recipe, Reply, SessionSpec, is_rebuildable
from pegboard_processes.wire.pickling import dumps, loads
from pegboard_processes.worker.entry import load, work

if TYPE_CHECKING:
    from pegboard.calls.call import Call
    from pegboard.places import Place
    from pegboard.plans.plan import Plan
    from pegboard.sessions.session import Session
    from pegboard.tasks.task import Task
    from pegboard_processes.wire.parcels import Carrier

_SPECS: WeakKeyDictionary[Session, tuple[int, bytes]] = WeakKeyDictionary()  # by version


def session_spec(session: Session) -> bytes:
    """Describe a session for workers, pickled; anew after every change of its plugins."""
    known = _SPECS.get(session)
    if known is None or known[0] != session.version:
        spec = SessionSpec(
            id=session.id,
            recipes=tuple(_recipes(session)),
            defaults=session.defaults,
            events=frozenset(session.events),
            measured=bool(session.pm.hook.on_measurements.get_hookimpls()),
        )
        try:
            pickled = dumps(spec)
        except Exception as error:
            raise ConfigError(
                f"the session cannot be described to workers: {type(error).__name__}: {error}\n"
                f"Its default options and what its plugins return from `worker_settings` have to be picklable.",
                where="Session",
                key="defaults",
            ) from error
        known = _SPECS[session] = (session.version, pickled)
    return known[1]


def _recipes(session: Session) -> list[Recipe]:
    recipes = []
    for name, plugin in session.plugins.items():
        cls = type(plugin)
        if not is_rebuildable(cls):
            continue
        settings = plugin.worker_settings()  # type: ignore[attr-defined]
        if settings is None:
            continue
        if cls.__module__ == "__main__" or "<locals>" in cls.__qualname__:
            session.faults.warn_once(
                f"worker:{name}",
                f"plugin {name!r} does not go to workers: {cls.__qualname__} stands in the main script or in a function. "
                f"Put it into a module.",
            )
            continue
        recipes.append(Recipe(name, cls.__module__, cls.__qualname__, dict(settings)))
    return recipes


def pack_task(task: Task[..., Any]) -> bytes:
    """Pickle a task.

    Raises:
        TransportError: It cannot be.
    """
    try:
        return dumps(task)
    except Exception as error:
        raise transport_error(task, None, "the function", task.__wrapped__, error) from error


def item_of(call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Item:
    """Make what travels of one call."""
    carrier: Carrier | None = None
    if "on_depart" in call.plan.events:
        carrier = {}
        call.emit("on_depart", carrier)
    limit = call.time_limit
    time_left = None if limit is None or limit.lifted else limit.left()
    return Item(call.number, call.attempt, call.map_index, time_left, carrier, args, kwargs)


def parcel_of(
    plan: Plan, task: bytes, items: Sequence[Item], parent: Call | None, most_seconds: float = inf
) -> Parcel:
    """Pack items up.

    Raises:
        TransportError: An argument cannot be pickled; it names the first such item.
    """
    try:
        packed = dumps([tuple(item) for item in items])
    except Exception as error:
        raise _stuck(plan.task, items, error) from error
    parent_id = None if parent is None else parent.id
    return Parcel(
        task, session_spec(plan.session), process_prefix(), parent_id, packed, most_seconds=most_seconds
    )


def quick_parcel(
    plan: Plan,
    task: bytes,
    inputs: Sequence[tuple[Any, ...]],
    first: int,
    parent: Call | None,
    most_seconds: float,
) -> Parcel:
    """Pack the inputs of calls up that nobody watches.

    Raises:
        Exception: An argument cannot be pickled.
    """
    parent_id = None if parent is None else parent.id
    spec = session_spec(plan.session)
    packed = dumps(inputs)
    return Parcel(task, spec, process_prefix(), parent_id, packed, next_number(), first, most_seconds)


def can_travel(item: Item) -> bool:
    """Whether the arguments of an item can be pickled."""
    try:
        dumps((item.args, item.kwargs))
    except Exception:  # noqa: BLE001 - pickle has no error of its own for all of it
        return False
    return True


def _stuck(task: Task[..., Any], items: Sequence[Item], error: Exception) -> TransportError:
    """Find the argument that cannot be pickled."""
    for item in items:
        for value in (*item.args, *item.kwargs.values()):
            try:
                dumps(value)
            except Exception as found:  # noqa: BLE001 - pickle has no error of its own for all of it
                return transport_error(task, item.map_index, "an argument", value, found)
    return transport_error(task, None, "its arguments", items, error)


def send(place: Place, parcel: Parcel, weight: int) -> Future[Reply]:
    """Hand a parcel to an executor."""
    if isinstance(place.executor, ProcessPool):
        return place.executor.send(_request(parcel), weight)
    return _submit(place, parcel)


def send_and_wait(place: Place, parcel: Parcel, seconds: float | None) -> Future[Reply]:
    """Hand a parcel to an executor and wait, so long at most; then the future is not done, or its worker was killed."""
    if isinstance(place.executor, ProcessPool) and stop_in_force.get() is None:
        return place.executor.call(_request(parcel), 1, seconds)
    future = send(place, parcel, 1)
    over = threading.Event()
    future.add_done_callback(lambda _: over.set())
    try:
        in_time = wait_for(over, seconds)
    except BaseException:  # KeyboardInterrupt, or cancelled
        drop(place, future)
        raise
    if not in_time:
        drop(place, future)
    return future


def _submit(place: Place, parcel: Parcel) -> Future[Reply]:
    load()
    future: Future[Reply] = place.submit(work, parcel)
    return future


def _request(parcel: Parcel) -> bytes:
    return pickle.dumps((work, (parcel,), {}), pickle.HIGHEST_PROTOCOL)


def drop(place: Place, future: Future[Any]) -> None:
    """Have nobody work for a future any more, as far as its executor can do that."""
    kill = getattr(place.executor, "kill", None)
    if kill is not None:
        kill(future)
    else:
        future.cancel()


def values_of(task: Task[..., Any], reply: Reply, index: int | None = None) -> list[Any]:
    """Unpack the results.

    Raises:
        TransportError: One cannot be made again; which one, cannot be told.
    """
    try:
        values: list[Any] = loads(reply.values)
    except Exception as error:
        raise transport_error(task, index, "a result", None, error, travelled=True) from error
    return values


def bring_home(call: Call, reply: Reply, position: int, sent_at: float) -> BaseException | None:
    """Tell what happened around one run, and return what it raised, or None.

    Args:
        call: The call at home.
        reply: What came back.
        position: Of the item in its parcel.
        sent_at: When it was sent, on the monotonic clock.
    """
    plan = call.plan
    if "on_wait" in plan.events and getattr(plan.place, "shares_clock", False):
        call.emit("on_wait", call.executor, max(reply.began[position] - sent_at, 0.0))
    failure = reply.failures.get(position)
    emitted = reply.emitted.get(position)
    if emitted is not None:
        try:
            events = loads(emitted)
        except Exception as fault:  # noqa: BLE001 - it becomes the call's
            return transport_error(plan.task, call.map_index, "what it emitted", None, fault, travelled=True)
        for event, args, kwargs in events:
            call.emit(event, *args, **kwargs)
    measured = reply.measured.get(position)
    if measured is not None:
        call.emit("on_measurements", measured)
    if failure is None:
        return None
    error = unpack(failure, reply.pid, plan.task, plan.session)
    if isinstance(error, TransportError) and error.index is None:
        error.index = call.map_index
    return error


def lost(task: Task[..., Any], index: int | None, error: BaseException) -> BaseException:
    """Turn an executor's failure into an error that says what it means for this call."""
    if isinstance(error, PegboardError) or not isinstance(error, Exception):
        return error
    where = "" if index is None else f" (item {index} of a map)"
    if isinstance(error, BrokenExecutor):
        pid = getattr(error, "pid", None)
        which = "a worker" if pid is None else f"process {pid}"
        return WorkerDied(
            f"task {task.name!r}{where}: {which} ended before it answered: killed, out of memory, or by os._exit.\n"
            f"Another takes its place. Whether the function had its effects is not known.",
            task=task.name,
            index=index,
            pid=pid,
        )
    error.add_note(f"while task {task.name!r}{where} was to run in another process")
    return error
