"""The worker's side: runs the functions of a parcel."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from pegboard.calls.time_limit import Limit, limit_in_force
from pegboard.current import active_session, running_call
from pegboard.errors import DeadlineExceeded
from pegboard.plans.plan import Plan
from pegboard_processes.wire.errors import made_again, pack, transport_error
from pegboard_processes.wire.parcels import Failure, Item, Parcel, Reply, add_all
from pegboard_processes.wire.pickling import dumps, dumps_each, loads
from pegboard_processes.wire.progress import HERE, Progress, progress_here
from pegboard_processes.worker.sessions import WORKER_SESSIONS, WorkerSession
from pegboard_processes.worker.stand_in import QuickStandIn, Shared, StandIn, stand_in_for

if TYPE_CHECKING:
    from pegboard.calls.call import Call
    from pegboard.records import Measurements
    from pegboard.tasks.task import Task


def work(parcel: Parcel) -> Reply:
    """Run the items of a parcel one after another, until it is told to stop, and tell what became of each."""
    progress, _ = _progress()
    progress.unpack()
    task = made_again("the function", load_task, parcel.task)
    with WORKER_SESSIONS.using(parcel.session) as here:
        batch = _Batch(task, parcel, here)
        add_all(here.session.masks, parcel.secrets)
        session_token = active_session.set(here.session)
        call_token = running_call.set(None)
        try:
            if parcel.quick and not here.scopes:
                batch.run_quickly(made_again("an argument", loads, parcel.items))
            else:
                batch.run_each(made_again("an argument", _items, parcel))
        finally:
            running_call.reset(call_token)
            active_session.reset(session_token)
    progress.pack()
    return batch.reply()


def _progress() -> tuple[Progress, int]:
    """Return what this parcel shares with whoever sent it, and its number there."""
    return progress_here.get() or (HERE.progress, HERE.parcel or -1)


@functools.lru_cache(maxsize=64)
def load_task(pickled: bytes) -> Task[..., Any]:
    """Make the task again; once for all its parcels."""
    task: Task[..., Any] = loads(pickled)
    return task


def _items(parcel: Parcel) -> list[Item]:
    if not parcel.quick:
        return [Item(*each) for each in loads(parcel.items)]
    return [
        Item(parcel.quick, 1, parcel.first + position, None, None, args, {})
        for position, args in enumerate(loads(parcel.items))
    ]


class _Batch:
    """The items of one parcel, being run."""

    def __init__(self, task: Task[..., Any], parcel: Parcel, here: WorkerSession) -> None:
        self._task = task
        self._parcel = parcel
        self._here = here
        # The plan of a stand-in: layers and observers are at home.
        self._plan = Plan(here.session, task, 0, options=task.options, scopes=tuple(here.scopes))
        self._function = _called(task)
        self._index_of: Callable[[int], int | None]
        self._values: list[Any] = []
        self._began: list[float] = []
        self._seconds: list[float] = []
        self._failures: dict[int, Failure] = {}
        self._emitted: dict[int, bytes] = {}
        self._measured: dict[int, Measurements] = {}

    def run_each(self, items: list[Item]) -> None:
        """Run items, each with its own times, measurements and scopes."""
        progress, number = _progress()
        self._index_of = [item.map_index for item in items].__getitem__
        progress.work()
        until = time.perf_counter() + self._parcel.most_seconds
        for position, item in enumerate(items):
            if progress.stopped == number or (position and (HERE.leaving or time.perf_counter() > until)):
                return
            progress.done = position
            self._run(position, item)

    def run_quickly(self, inputs: list[tuple[Any, ...]]) -> None:
        """Run items whose calls nobody watches."""
        progress, number = _progress()
        self._index_of = self._parcel.first.__add__
        progress.work()
        words, here = progress.words, HERE
        plan, shared = self._plan, Shared(self._parcel, self._here.spec.events)
        function, enter, keep, make = self._function, running_call.set, self._values.append, object.__new__
        now = time.perf_counter
        began = now()
        until = began + self._parcel.most_seconds
        for position, args in enumerate(inputs):
            if words[1] == number or (position and (here.leaving or now() > until)):
                break
            words[0] = position
            call = make(QuickStandIn)
            call.plan = plan
            call.args = args
            call.shared = shared
            call.position = position
            enter(call)
            try:
                keep(copy_context().run(function, *args))  # no item sees a variable that another one set
            except BaseException as error:  # noqa: BLE001 - raised at home
                keep(None)
                self._fail(position, error)
        self._seconds.append(time.perf_counter() - began)
        for position, emitted in shared.emitted.items():
            self._keep_emitted(position, emitted)
        if self._here.nested is not None:
            self._here.nested.take()  # nobody at home listens

    def _run(self, position: int, item: Item) -> None:
        call = stand_in_for(item, self._parcel, self._plan, self._here.spec.events)
        if self._here.nested is not None:
            self._here.nested.begin()
        began = time.perf_counter()
        value = None
        try:
            value = copy_context().run(self._run_within, call, item.time_left)
        except BaseException as error:  # noqa: BLE001 - raised at home
            self._fail(position, error)
        self._seconds.append(time.perf_counter() - began)
        self._began.append(began)
        self._values.append(value)
        if call.emitted is not None:
            self._keep_emitted(position, call.emitted)
        if self._here.nested is not None:
            measured = self._here.nested.take()
            if measured is not None:
                self._measured[position] = measured

    def _run_within(self, call: StandIn, time_left: float | None) -> Any:
        running_call.set(call)
        limit_in_force.set(None if time_left is None else _limit(call, time_left))
        entered: list[Any] = []
        try:
            call.plan.enter(call, entered)
            return self._function(*call.args, **call.kwargs)
        finally:
            call.plan.leave(call, entered)

    def _fail(self, position: int, error: BaseException) -> None:
        self._failures[position] = pack(_without_our_frames(error), sensitive=self._task.sensitive)

    def _keep_emitted(self, position: int, emitted: object) -> None:
        try:
            self._emitted[position] = dumps(emitted)
        except Exception as error:  # noqa: BLE001 - whatever says that it cannot be pickled
            if position not in self._failures:
                self._stuck(position, "what it emitted", emitted, error)

    def reply(self) -> Reply:
        """Pack everything up; results that cannot be pickled become failures."""
        values, stuck = dumps_each(self._values)
        for position, error in stuck.items():
            self._stuck(position, "its result", self._values[position], error)
        return Reply(
            os.getpid(),
            values,
            len(self._values),
            self._began,
            self._seconds,
            self._failures,
            self._emitted,
            self._measured,
            self._here.session.masks.secrets,
        )

    def _stuck(self, position: int, what: str, value: object, error: Exception) -> None:
        failure = transport_error(self._task, self._index_of(position), what, value, error)
        self._failures[position] = pack(failure, sensitive=False)


def _called(task: Task[..., Any]) -> Callable[..., Any]:
    """What to call for the value of a task's function: a coroutine is run to its end, a stream gives the list of its items."""
    function = task.__wrapped__
    if task.kind == "function":
        return function
    if task.kind == "generator":
        return lambda *args, **kwargs: list(function(*args, **kwargs))

    async def main(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if task.kind == "coroutine":
            return await function(*args, **kwargs)
        return [item async for item in function(*args, **kwargs)]

    def in_loop(*args: Any, **kwargs: Any) -> Any:
        import asyncio

        return asyncio.run(main(args, kwargs))

    return in_loop


def _limit(call: Call, seconds: float) -> Limit:
    limit = Limit(call, max(seconds, 0.0), DeadlineExceeded)
    limit.number = -1  # the caller's: numbers of this process are others
    call.time_limit = limit
    return limit


def _without_our_frames(error: BaseException) -> BaseException:
    """Take our own frames off the beginning of a traceback."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__ and trace.tb_next is not None:
        trace = trace.tb_next
    return BaseException.with_traceback(error, trace)  # also where a class lets nothing be set
