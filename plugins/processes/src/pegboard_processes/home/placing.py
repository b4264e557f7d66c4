"""Functions that stand for one that runs elsewhere: a plan has such a one in place of its own."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, cast

from pegboard.calls.arity import UNCHECKED, Arity, arity
from pegboard.current import running_call
from pegboard.places import RemotePlace, workers_of
from pegboard_processes.home.limits import TimeElsewhere
from pegboard_processes.home.mapping import amap_remote, map_remote
from pegboard_processes.home.sending import (
    bring_home,
    drop,
    item_of,
    lost,
    pack_task,
    parcel_of,
    send,
    send_and_wait,
    spoilt,
    submit_at_turn,
    values_of,
)
from pegboard_processes.home.turns import Turns
from pegboard_processes.home.waiting import over
from pegboard_processes.pool.executor import ProcessPool
from pegboard_processes.pool.request import WorkerLost
from pegboard_processes.wire.pickling import Spoilt, travels_by_name

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from pegboard.calls.call import Call
    from pegboard.running.map import Fanout
    from pegboard.tasks.task import Task
    from pegboard_processes.wire.parcels import Item, Parcel, Reply


class ProcessPlace(RemotePlace):
    """An executor whose functions run in other processes.

    Attributes:
        shares_clock: Whether its monotonic clock is ours: on the same machine.
        turns: Of calls with a limit, where the executor does not keep it.
    """

    __slots__ = ("shares_clock", "turns")

    def __init__(self, name: str, executor: Executor, *, shares_clock: bool = True) -> None:
        super().__init__(name, executor.submit, workers_of(executor), executor)
        self.shares_clock = shares_clock
        self.turns = Turns(self.workers)

    def function_for(self, task: Task[..., Any]) -> Callable[..., Any]:
        """Make what a plan calls instead of the task's function, to have that run here."""
        outgoing = _Outgoing(task)
        if task.kind == "function":
            return _blocking(self, outgoing)
        if task.kind == "generator":
            return _streaming(_blocking(self, outgoing))
        suspending = _suspending(self, outgoing)
        return suspending if task.kind == "coroutine" else _streaming_async(suspending)

    def map(self, work: Fanout, concurrency: int | None) -> list[Any]:
        """Run a map, and return the results; see `Task.map`."""
        return map_remote(work, concurrency)

    async def amap(self, work: Fanout, concurrency: int | None) -> list[Any]:
        """Do what `map` does, to be awaited."""
        return await amap_remote(work, concurrency)


class _Outgoing:
    """Packs the calls of one task."""

    def __init__(self, task: Task[..., Any]) -> None:
        self._task = task
        self._fits = _arity_of(task)
        self._packed: bytes | None = None

    def pack(self, call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Parcel:
        """Pack one call."""
        item = item_of(call, args, kwargs)
        if kwargs or not self._fits.least <= len(args) <= self._fits.most:
            _check(call, item, self._fits)
        return parcel_of(call.plan, self._packed_task(), [item], call.parent)

    def _packed_task(self) -> bytes:
        if self._packed is not None:
            return self._packed
        packed = pack_task(self._task)
        if travels_by_name(self._task):  # otherwise it takes along what it uses, as that is now
            self._packed = packed
        return packed


def _arity_of(task: Task[..., Any]) -> Arity:
    try:
        return arity(task.__qualname__.rpartition("<locals>.")[2], task.signature, frozenset())
    except (TypeError, ValueError):  # a builtin that does not tell its signature
        return UNCHECKED


def _blocking(place: ProcessPlace, outgoing: _Outgoing) -> Callable[..., Any]:
    def function(*args: Any, **kwargs: Any) -> Any:
        call = _current()
        parcel = outgoing.pack(call, args, kwargs)
        limits = TimeElsewhere(call)
        sent_at = time.perf_counter()
        future = _handed_over(
            call, lambda: send_and_wait(place, place.turns, parcel, limits.seconds, _until(limits))
        )
        if limits.is_limited and _ran_out(future):
            drop(place, future)
            raise limits.exceeded()
        return _answer(call, future, sent_at, limits)

    return function


def _suspending(place: ProcessPlace, outgoing: _Outgoing) -> Callable[..., Any]:
    async def function(*args: Any, **kwargs: Any) -> Any:
        import asyncio

        call = _current()
        parcel = outgoing.pack(call, args, kwargs)
        limits = TimeElsewhere(call)
        sent_at = time.perf_counter()
        keeps_limits = limits.seconds is None or isinstance(place.executor, ProcessPool)
        if not keeps_limits:
            await _turn(place)
        future = _handed_over(call, lambda: _sent(place, parcel, limits, keeps_limits))
        try:
            await over(future, None if keeps_limits else limits.seconds)
        except asyncio.CancelledError:
            await asyncio.shield(asyncio.to_thread(drop, place, future))
            raise
        if limits.is_limited and _ran_out(future):
            drop(place, future)
            raise limits.exceeded()
        return _answer(call, future, sent_at, limits)

    return function


def _sent(place: ProcessPlace, parcel: Parcel, limits: TimeElsewhere, keeps_limits: bool) -> Future[Reply]:
    if keeps_limits:
        return send(place, parcel, 1, limits.seconds, _until(limits))
    return submit_at_turn(place, place.turns, parcel)


async def _turn(place: ProcessPlace) -> None:
    """Wait until a worker is free; a deadline cancels that."""
    turn = place.turns.ask()
    try:
        await over(turn)
    except BaseException:
        place.turns.give_up(turn)
        raise


def _until(limits: TimeElsewhere) -> float | None:
    left = limits.left
    return None if left is None else time.perf_counter() + left


def _streaming(function: Callable[..., Any]) -> Callable[..., Any]:
    """The items of a stream that ran elsewhere, once all of them are there."""

    def stream(*args: Any, **kwargs: Any) -> Iterator[Any]:
        yield from function(*args, **kwargs)

    return stream


def _streaming_async(function: Callable[..., Any]) -> Callable[..., Any]:
    """Do what `_streaming` does, for async tasks."""

    async def stream(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        for item in await function(*args, **kwargs):
            yield item

    return stream


def _handed_over(call: Call, hand_over: Callable[[], Future[Reply]]) -> Future[Reply]:
    try:
        return hand_over()
    except Exception as error:  # noqa: BLE001 - an executor that is broken or shut down
        failure = lost(call.plan.task, call.map_index, error)
    raise failure


def _ran_out(future: Future[Any]) -> bool:
    """Whether there is no answer since nobody waited any longer."""
    if not future.done() or future.cancelled():
        return True
    error = future.exception()
    return isinstance(error, WorkerLost) and not error.wanted


def _current() -> Call:
    call = running_call.get()
    assert call is not None  # noqa: S101 - for the type checker: the runner of a plan set it
    return call


def _check(call: Call, item: Item, fits: Arity) -> None:
    """Refuse arguments that do not fit: as nothing runs, that is no attempt."""
    try:
        fits.check(cast("Call", item))  # it looks at args and kwargs alone
    except TypeError:
        if call.attempt == 1:
            call.attempt = 0
        raise


def _answer(call: Call, future: Future[Reply], sent_at: float, limits: TimeElsewhere) -> Any:
    """Return what the function returned, or raise what it raised."""
    failure = future.exception()  # of the executor: those of the function are in the reply
    if failure is not None:
        limits.over(0.0)
        raise lost(call.plan.task, call.map_index, failure)
    reply = future.result()
    limits.over(reply.seconds[0])
    value = values_of(call.plan, reply)[0]
    error = bring_home(call, reply, 0, sent_at)
    if error is None and isinstance(value, Spoilt):
        error = spoilt(call.plan.task, call.map_index, value)
    if error is not None:
        raise error
    return value
