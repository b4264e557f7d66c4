"""One task over many inputs: results in input order, and nothing left running."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence, Sized
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any, Literal

from pegboard._call import Call, open_call
from pegboard._executors import INLINE
from pegboard._group import Group
from pegboard._running import finish, finish_async, finish_in_thread, in_new_loop, serving_session

if TYPE_CHECKING:
    import asyncio
    from concurrent.futures import Future

    from pegboard._plan import Plan
    from pegboard.task import Task

OnError = Literal["raise", "collect"]
_ASYNC_MOST = 10_000  # in flight at once, where neither a limit nor the size of the input says less


class _Fanout:
    """The state of one map: inputs pulled one by one, a slot for each result, the first failure.

    Workers pull under a lock, so a lazy input is never read ahead of need. The caller works too, so a map inside a map
    ends even when every thread of the pool waits in one.

    The map has a context of its own, a copy of the caller's: observers of the group are told in it and the inputs are
    read in it, and every item gets a copy. What `before_group` makes current is so for the items, and for nobody else.
    """

    def __init__(
        self,
        task: Task[..., Any],
        lead: tuple[Any, ...],
        iterables: Sequence[Iterable[Any]],
        on_error: OnError,
        strict: bool,
    ) -> None:
        session = serving_session()
        self.plan: Plan = task._plan_in(session)
        self.place = session.executors.get()
        self.size = min((len(each) for each in iterables if isinstance(each, Sized)), default=None)
        self.group = Group(
            session,
            "map",
            task.name,
            size=self.size if all(isinstance(i, Sized) for i in iterables) else None,
            task=task,
        )
        self.results: list[Any] = []
        self.stopped = False
        self._lead = lead
        self._collect = on_error == "collect"
        self._inputs: Iterator[tuple[Any, ...]] = zip(*iterables, strict=strict)
        self._context = copy_context()
        self._guard = threading.Lock()
        self._failure: tuple[int, BaseException] | None = None

    @property
    def has_failed(self) -> bool:
        """Whether the map will raise, so that what still runs is in vain."""
        return self._failure is not None

    def begin(self) -> None:
        """Tell the beginning of the group."""
        self._context.run(self.group.begin)

    def context(self) -> Context:
        """Make a context for one item."""
        return self._context.copy()

    def pull(self) -> tuple[int, tuple[Any, ...]] | None:
        """Take the next input; None when there is no more, or no more is wanted."""
        with self._guard:
            if self.stopped:
                return None
            try:
                args = self._context.run(next, self._inputs, None)
            except BaseException as error:  # noqa: BLE001 - the input's own failure ends the map
                self._stop(len(self.results), error)
                return None
            if args is None:
                self.stopped = True
                return None
            self.results.append(None)
            return len(self.results) - 1, args

    def call(self, index: int, args: tuple[Any, ...]) -> Call:
        """Make the call of one item; inside that item's context."""
        call = open_call(self.plan, (*self._lead, *args), {})
        call.group = self.group
        call.map_index = index
        if not call.is_async:  # async ones run in the event loop
            call.executor = self.place.name
        self.group.calls += 1
        return call

    def failed(self, index: int, error: BaseException) -> None:
        """Keep an error in its slot, or stop the map."""
        with self._guard:
            self.group.failed += 1
            if self._collect and isinstance(error, Exception):
                self.results[index] = error
            else:
                self._stop(index, error)

    def _stop(self, index: int, error: BaseException) -> None:
        """Remember the failure that will be raised: an exit before an Exception, then the lowest index."""
        self.stopped = True
        if self._failure is None or _rank(index, error) < _rank(*self._failure):
            self._failure = (index, error)

    def finish(self) -> list[Any]:
        """Tell the end of the group, and return the results or raise the failure of the lowest index."""
        if self._failure is None:
            self._context.run(self.group.end, None, self.results)
            return self.results
        index, error = self._failure
        self._context.run(self.group.end, error)
        if isinstance(error, Exception) and index < len(self.results):
            error.add_note(f"as item {index} of a map")
        raise error


def _rank(index: int, error: BaseException) -> tuple[bool, int]:
    return isinstance(error, Exception), index


def check_map(iterables: Sequence[object], on_error: str, concurrency: int | None) -> None:
    """Refuse a map that cannot mean anything, before it starts."""
    if not iterables:
        raise TypeError("map() takes at least one iterable: one for each parameter of the task.")
    if on_error not in ("raise", "collect"):
        raise ValueError(f"on_error is 'raise' or 'collect', not {on_error!r}.")
    if concurrency is not None and (type(concurrency) is not int or concurrency < 1):
        raise ValueError(f"concurrency is a whole number from 1, not {concurrency!r}.")


def map_sync(
    task: Task[..., Any],
    lead: tuple[Any, ...],
    iterables: Sequence[Iterable[Any]],
    on_error: OnError,
    concurrency: int | None,
    strict: bool,
) -> list[Any]:
    """Run a map from sync code; see `Task.map`."""
    check_map(iterables, on_error, concurrency)
    if task.kind in ("coroutine", "async_generator"):
        results: list[Any] = in_new_loop(
            lambda: map_async(task, lead, iterables, on_error, concurrency, strict), task.name
        )
        return results
    work = _Fanout(task, lead, iterables, on_error, strict)
    work.begin()
    workers = min(
        work.place.workers,
        concurrency or work.place.workers,
        work.size if work.size is not None else work.place.workers,
    )
    helpers: list[Future[Any]] = []
    try:
        if work.place.name != INLINE:
            helpers = [work.place.submit(_drain, work) for _ in range(workers - 1)]
        _drain(work)
    except BaseException as error:  # noqa: BLE001 - KeyboardInterrupt between two items
        work.failed(len(work.results), error)
    finally:
        _join(work, helpers)
    return work.finish()


def _drain(work: _Fanout) -> None:
    while (pulled := work.pull()) is not None:
        index, args = pulled
        try:
            work.results[index] = work.context().run(_run_item, work, index, args)
        except BaseException as error:  # noqa: BLE001 - kept, or raised by the map
            work.failed(index, error)


def _run_item(work: _Fanout, index: int, args: tuple[Any, ...]) -> Any:
    return finish(work.call(index, args))


def _join(work: _Fanout, helpers: Sequence[Future[Any]]) -> None:
    """Wait until no helper runs; a second KeyboardInterrupt is kept for the map to raise."""
    waiting = [helper for helper in helpers if not helper.cancel()]
    while waiting:
        try:
            waiting.pop().exception()
        except BaseException as error:  # noqa: BLE001
            work.failed(len(work.results), error)


async def map_async(
    task: Task[..., Any],
    lead: tuple[Any, ...],
    iterables: Sequence[Iterable[Any]],
    on_error: OnError,
    concurrency: int | None,
    strict: bool,
) -> list[Any]:
    """Run a map from async code; see `Task.amap`."""
    check_map(iterables, on_error, concurrency)
    work = _Fanout(task, lead, iterables, on_error, strict)
    most = _ASYNC_MOST if task.kind in ("coroutine", "async_generator") else work.place.workers
    flight = _Flight(work, concurrency or most)
    work.begin()
    try:
        await flight.run()
    except GeneratorExit as error:
        work.failed(len(work.results), error)
    return work.finish()


class _Flight:
    """The asyncio tasks of one map: so many at once, cancelled and awaited when it stops early."""

    def __init__(self, work: _Fanout, most: int) -> None:
        import asyncio

        self._loop = asyncio.get_running_loop()
        self._work = work
        self._finish = work.plan.run if work.plan.task.kind == "coroutine" else finish_structured
        self._most = most
        self._running: set[asyncio.Task[Any]] = set()
        self._cancelled = False
        self._landed: asyncio.Future[None] = self._loop.create_future()

    async def run(self) -> None:
        self._launch()
        while self._running:
            try:
                await self._landed
            except GeneratorExit:  # dropped: nothing can be awaited any more
                self._cancel()
                raise
            except BaseException as error:  # noqa: BLE001 - cancelled from outside
                self._work.failed(len(self._work.results), error)
                self._cancel()
                self._landed = self._loop.create_future()

    def _launch(self) -> None:
        while len(self._running) < self._most and (pulled := self._work.pull()) is not None:
            index, args = pulled
            task = self._loop.create_task(self._fly(index, args), context=self._work.context())
            self._running.add(task)
            task.add_done_callback(self._land)

    async def _fly(self, index: int, args: tuple[Any, ...]) -> None:
        try:
            self._work.results[index] = await self._finish(self._work.call(index, args))
        except BaseException as error:  # noqa: BLE001 - kept, or raised by the map
            if not (self._cancelled and is_cancellation(error)):
                self._work.failed(index, error)

    def _land(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if self._work.has_failed:
            self._cancel()
        else:
            self._launch()
        if not self._running and not self._landed.done():
            self._landed.set_result(None)

    def _cancel(self) -> None:
        if self._cancelled:
            return
        self._cancelled = True
        for task in self._running:
            task.cancel()


def is_cancellation(error: BaseException) -> bool:
    """Whether an error is asyncio's way to end a task."""
    import asyncio

    return isinstance(error, asyncio.CancelledError)


async def finish_structured(call: Call) -> Any:
    """Finish a call, and when cancelled wait for the thread it may be running in."""
    if call.is_async:
        return await finish_async(call)
    import asyncio

    running = asyncio.ensure_future(asyncio.to_thread(finish_in_thread, call))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise
