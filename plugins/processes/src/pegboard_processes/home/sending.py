"""Home's side: packs calls into parcels, and makes of a reply what their function returned or raised."""

from __future__ import annotations

import pickle
import threading
import time
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor, Future
from math import inf
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from pegboard.calls.call import next_number, process_prefix
from pegboard.errors import ConfigError, PegboardError, TransportError, WorkerDied
from pegboard.parts.notes import note_on
from pegboard.parts.stopping import stop_in_force, wait_for
from pegboard_processes.pool.executor import ProcessPool
from pegboard_processes.pool.request import NotStarted
from pegboard_processes.wire.errors import NotMade, bare, transport_error, unpack
from pegboard_processes.wire.parcels import Item, Parcel, Recipe, Reply, SessionSpec, add_all, is_rebuildable
from pegboard_processes.wire.pickling import dumps, loads, loads_each
from pegboard_processes.worker.entry import load, work

if TYPE_CHECKING:
    from pegboard.calls.call import Call
    from pegboard.places import Place
    from pegboard.plans.plan import Plan
    from pegboard.sessions.session import Session
    from pegboard.tasks.task import Task
    from pegboard_processes.home.turns import Turns
    from pegboard_processes.wire.parcels import Carrier
    from pegboard_processes.wire.pickling import Spoilt

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
    except Exception as error:  # noqa: BLE001 - pickle has no error of its own for all of it
        raise transport_error(task, None, "the function", task.__wrapped__, error) from bare(error)


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
    except Exception as error:  # noqa: BLE001 - as above
        raise _stuck(plan.task, items, error) from bare(error)
    parent_id = None if parent is None else parent.id
    return Parcel(
        task,
        session_spec(plan.session),
        process_prefix(),
        parent_id,
        _executor_of(plan),
        packed,
        most_seconds=most_seconds,
        secrets=_secrets_of(plan),
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
    return Parcel(
        task,
        spec,
        process_prefix(),
        parent_id,
        _executor_of(plan),
        packed,
        next_number(),
        first,
        most_seconds,
        _secrets_of(plan),
    )


def _executor_of(plan: Plan) -> str:
    return "" if plan.place is None else plan.place.name


def _secrets_of(plan: Plan) -> tuple[str, ...]:
    """Return what is masked here, for a worker on this machine; another one is told no secret that its function has no use for."""
    return plan.session.masks.secrets if getattr(plan.place, "shares_clock", False) else ()


def _stuck(task: Task[..., Any], items: Sequence[Item], error: Exception) -> TransportError:
    """Find the argument that cannot be pickled."""
    for item in items:
        for value in (*item.args, *item.kwargs.values()):
            try:
                dumps(value)
            except Exception as found:  # noqa: BLE001 - pickle has no error of its own for all of it
                return transport_error(task, item.map_index, "an argument", value, found)
    return transport_error(task, None, "its arguments", items, error)


def send(
    place: Place, parcel: Parcel, weight: int, seconds: float | None = None, until: float | None = None
) -> Future[Reply]:
    """Hand a parcel to an executor; see `ProcessPool.send`."""
    if isinstance(place.executor, ProcessPool):
        return place.executor.send(_request(parcel), weight, seconds, until)
    return _submit(place, parcel)


def send_and_wait(
    place: Place, turns: Turns, parcel: Parcel, seconds: float | None, until: float | None
) -> Future[Reply]:
    """Hand a parcel to an executor and wait as long as it may take; after that it is not done, or its worker was killed."""
    if isinstance(place.executor, ProcessPool):
        if stop_in_force.get() is None:
            return place.executor.call(_request(parcel), 1, seconds, until)
        # The pool itself keeps the limit of the function.
        future, most = send(place, parcel, 1, seconds, until), None
    else:
        future = _submit(place, parcel) if seconds is None else _submit_in_turn(place, turns, parcel, until)
        most = seconds
    left = None if until is None else max(until - time.perf_counter(), 0.0)
    try:
        in_time = _wait(future, min((each for each in (most, left) if each is not None), default=None))
    except BaseException:  # KeyboardInterrupt, or cancelled
        drop(place, future)
        raise
    if not in_time:
        drop(place, future)
    return future


def _wait(future: Future[Any], seconds: float | None) -> bool:
    over = threading.Event()
    future.add_done_callback(lambda _: over.set())
    return wait_for(over, seconds)


def _submit_in_turn(place: Place, turns: Turns, parcel: Parcel, until: float | None) -> Future[Any]:
    """Hand a parcel over when a worker is free; when none is until then, return a future that is not done."""
    turn = turns.ask()
    try:
        _wait(turn, None if until is None else max(until - time.perf_counter(), 0.0))
    except BaseException:  # KeyboardInterrupt, or cancelled
        turns.give_up(turn)
        raise
    if not turn.done():
        turns.give_up(turn)
        return Future()
    return submit_at_turn(place, turns, parcel)


def submit_at_turn(place: Place, turns: Turns, parcel: Parcel) -> Future[Reply]:
    """Hand a parcel over, and pass the turn on when it is back."""
    try:
        future = _submit(place, parcel)
    except BaseException:
        turns.pass_on()
        raise
    future.add_done_callback(turns.pass_on)
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


def values_of(plan: Plan, reply: Reply) -> list[Any]:
    """Unpack the results, with a `Spoilt` in place of one that cannot be made again; of a reply's secrets, home is told."""
    add_all(plan.session.masks, reply.secrets)
    return loads_each(reply.values)


def spoilt(task: Task[..., Any], index: int | None, value: Spoilt) -> TransportError:
    """Say that a result cannot be made again."""
    return transport_error(task, index, "its result", None, value.error, travelled=True)


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
    if isinstance(error, NotMade):
        return transport_error(task, index, error.what, None, error.reason, travelled=True)
    if isinstance(error, PegboardError) or not isinstance(error, Exception):
        return bare(error)
    where = "" if index is None else f" (item {index} of a map)"
    if isinstance(error, NotStarted):
        return WorkerDied(
            f"task {task.name!r}{where}: no worker process could be started, {error.tries} times in a row. The last one: "
            f"{error.reason}.\nThe function did not run. See what ends new processes, or leaves no room for them: memory, "
            f"`ulimit -n`, `ulimit -u`; or have fewer workers.",
            task=task.name,
            index=index,
            pid=None,
        )
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
    note_on(error, f"while task {task.name!r}{where} was to run in another process")
    return bare(error)
