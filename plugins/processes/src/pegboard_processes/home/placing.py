"""Functions that stand for one that runs elsewhere: a plan has such a one in place of its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, cast

from pegboard.calls.arity import UNCHECKED, Arity, arity
from pegboard.current import running_call
from pegboard.places import RemotePlace, workers_of
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
    values_of,
)
from pegboard_processes.pool.request import WorkerLost
from pegboard_processes.wire.pickling import travels_by_name

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
    """

    __slots__ = ("shares_clock",)

    def __init__(self, name: str, executor: Executor, *, shares_clock: bool = True) -> None:
        super().__init__(name, executor.submit, workers_of(executor), executor)
        self.shares_clock = shares_clock

    def function_for(self, task: Task[..., Any]) -> Callable[..., Any]:
        """Make what a plan calls instead of the task's function, to have that run here."""
        outgoing = _Outgoing(task)
        return _suspending(self, outgoing) if task.kind == "coroutine" else _blocking(self, outgoing)

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
        sent_at = time.perf_counter()
        limit = call.time_limit
        seconds = None if limit is None or limit.lifted else max(limit.left(), 0.0)
        try:
            future = send_and_wait(place, parcel, seconds)
        except Exception as error:  # noqa: BLE001 - an executor that is broken or shut down
            raise lost(call.plan.task, call.map_index, error) from None
        if limit is not None and _ran_out(future):
            drop(place, future)
            raise limit.exceeded(call)
        return _arrive(call, _reply_to(call, future), sent_at)

    return function


def _ran_out(future: Future[Any]) -> bool:
    """Whether there is no answer since nobody waited any longer."""
    if not future.done() or future.cancelled():
        return True
    error = future.exception()
    return isinstance(error, WorkerLost) and not error.wanted


def _suspending(place: ProcessPlace, outgoing: _Outgoing) -> Callable[..., Any]:
    async def function(*args: Any, **kwargs: Any) -> Any:
        import asyncio

        call = _current()
        parcel = outgoing.pack(call, args, kwargs)
        sent_at = time.perf_counter()
        try:
            future = send(place, parcel, 1)
        except Exception as error:  # noqa: BLE001 - as above
            raise lost(call.plan.task, call.map_index, error) from None
        try:
            await asyncio.wait([asyncio.wrap_future(future)])
        except asyncio.CancelledError:
            await asyncio.shield(asyncio.to_thread(drop, place, future))
            raise
        reply = _reply_to(call, future)
        return _arrive(call, reply, sent_at)

    return function


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


def _reply_to(call: Call, future: Future[Reply]) -> Reply:
    try:
        return future.result()
    except Exception as error:  # noqa: BLE001 - of the executor: those of the function are in the reply
        raise lost(call.plan.task, call.map_index, error) from None


def _arrive(call: Call, reply: Reply, sent_at: float) -> Any:
    error = bring_home(call, reply, 0, sent_at)
    if error is not None:
        raise error
    return values_of(call.plan.task, reply, call.map_index)[0]
