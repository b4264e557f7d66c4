"""One task over many inputs, handing results over one by one as they are asked for."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import AsyncGenerator, Generator, Iterable, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Literal, get_args

from pegboard.errors import SessionError
from pegboard.parts import checks
from pegboard.parts.awaiting import loop_runs_here, outlast
from pegboard.parts.event_loop import running_loop
from pegboard.parts.stopping import stop_in_force
from pegboard.places import INLINE, THREADS, RemotePlace
from pegboard.running.in_loop import Ended
from pegboard.running.loop_thread import LoopThread
from pegboard.running.map import Fanout, check_map
from pegboard.running.on_threads import Submitted
from pegboard.running.placing import choose_place

if TYPE_CHECKING:
    import asyncio
    from concurrent.futures import Future

    from pegboard.tasks.task import Task


StreamOnError = Literal["raise", "collect"]
_POLICY = checks.one_of(*get_args(StreamOnError))
_ASYNC_MOST = 100  # in flight at once, where nothing says less
Taken = tuple[int, tuple[Any, ...]]


def imap(
    task: Task[..., Any], lead: tuple[Any, ...], iterables: Sequence[Iterable[Any]], **settings: Any
) -> Generator[Any, None, None]:
    """Iterate over a map from sync code; see `Task.imap`."""
    if task.kind in ("coroutine", "async_generator"):
        return iterate_in_loop(aimap(task, lead, iterables, **settings), task.name)
    return _ExecutorStream(task, lead, iterables, **settings).iterate()


def aimap(
    task: Task[..., Any], lead: tuple[Any, ...], iterables: Sequence[Iterable[Any]], **settings: Any
) -> AsyncGenerator[Any, None]:
    """Iterate over a map from async code; see `Task.aimap`."""
    return _LoopStream(task, lead, iterables, **settings).iterate()


class _MapStream(Fanout):
    """A map that keeps no results: they are handed over."""

    def __init__(
        self,
        task: Task[..., Any],
        lead: tuple[Any, ...],
        iterables: Sequence[Iterable[Any]],
        *,
        ordered: bool,
        concurrency: int | None,
        on_error: StreamOnError,
        strict: bool,
    ) -> None:
        check_map("imap", iterables, on_error, concurrency, _POLICY)
        super().__init__(task, lead, iterables, on_error, strict)
        self._ordered = ordered
        self._collecting = on_error == "collect"
        self._concurrency = concurrency
        self._positions = itertools.count()

    def take(self) -> Taken | None:
        args = next(self._inputs, None)
        if args is None:
            self.stopped = True
            return None
        return next(self._positions), args

    def begin(self) -> None:
        if not self.group.session.is_open:
            raise SessionError(
                f"the session in which {self.group.name!r} was mapped has ended.\n"
                f"Iterate inside `with Session(...)`: an imap begins with the first item that is asked for."
            )
        super().begin()

    def hand_over(self, index: int, value: Any, error: BaseException | None) -> Any:
        """Return what the consumer gets of an item, or raise what ends the map."""
        if error is None:
            return value
        self.group.failed += 1
        if self._collecting and isinstance(error, Exception):
            return error
        if isinstance(error, Exception):
            self._note(index, error)
        raise error

    def over(self, error: BaseException | None) -> None:
        """Tell the end of the group."""
        self.home.run(stop_in_force.set, None)  # who is told may wait
        self.home.run(self.group.end, error)


class _ExecutorStream(_MapStream):
    """A map on an executor, refilled whenever the consumer asks for more."""

    def iterate(self) -> Generator[Any, None, None]:
        self.begin()
        worker = self.group.session.place(THREADS) if isinstance(self.place, RemotePlace) else self.place
        most = min(self._concurrency or worker.workers, worker.workers)
        ahead = most if worker.name == INLINE else 2 * most
        submitted = Submitted(lambda: None, self.stop)
        outer = stop_in_force.get()
        self.home.run(stop_in_force.set, self.stop)
        waiting: dict[Future[Any], int] = {}
        stopped: BaseException | None = None
        try:
            with nullcontext() if outer is None else outer.waking(self.stop.ask):
                while True:
                    self.stop.check()
                    self._refill(submitted, waiting, most, ahead)
                    if not waiting:
                        break
                    for future in self._arrived(submitted, waiting):
                        error = future.exception()
                        index = waiting.pop(future)
                        yield self.hand_over(index, None if error else future.result(), error)
        except BaseException as error:
            stopped = error
            raise
        finally:
            interruption = submitted.end(cancelling=stopped is not None)
            self.over(interruption or stopped)
            if interruption is not None:
                raise interruption

    def _refill(self, submitted: Submitted, waiting: dict[Future[Any], int], most: int, ahead: int) -> None:
        running = sum(not future.done() for future in waiting)
        while not self.stopped and running < most and len(waiting) < ahead:
            taken = self.pull()
            if taken is None:
                return
            context = self.context()
            call = context.run(self.call, *taken)
            future = submitted.add(choose_place(call), context, call)
            if future is not None:
                waiting[future] = taken[0]
                running += not future.done()

    def _arrived(self, submitted: Submitted, waiting: dict[Future[Any], int]) -> Iterable[Future[Any]]:
        """Wait for something to hand over, or at least for room to begin something else meanwhile."""
        if not self._ordered:
            return submitted.wait_any(waiting.keys())
        first = next(iter(waiting))
        if not first.done() and not submitted.help(first):
            submitted.wait_any([future for future in waiting if not future.done()])
        return (first,) if first.done() else ()


class _LoopStream(_MapStream):
    """A map in the running event loop, refilled whenever the consumer asks for more."""

    async def iterate(self) -> AsyncGenerator[Any, None]:
        self.begin()
        self._pending: dict[asyncio.Task[Any], int] = {}  # begun, and not handed over
        self._done: deque[asyncio.Task[Any]] = deque()
        self._ended = Ended()
        self._running = 0
        stopped: BaseException | None = None
        try:
            while self._refill():
                finished = await self._next()
                if finished is None:
                    continue
                index = self._pending.pop(finished)
                yield self.hand_over(index, *finished.result())
        except BaseException as error:
            stopped = error
            raise
        finally:
            for each in self._pending:
                each.cancel()
            interruption = await outlast(list(self._pending))
            self.over(interruption or stopped)
            if interruption is not None:
                raise interruption

    def _refill(self) -> bool:
        """Begin as many as may run; tell whether there is anything to wait for."""
        create = running_loop().create_task
        most = self._concurrency or (_ASYNC_MOST if self.plan.is_async else self.place.workers)
        while self._running < most and len(self._pending) < 2 * most and (taken := self.pull()) is not None:
            running = create(self._run_item(*taken), context=self.context())
            self._pending[running] = taken[0]
            self._running += 1
            running.add_done_callback(self._on_done)
            self._ended.watch(running)
        return bool(self._pending)

    async def _run_item(self, index: int, args: tuple[Any, ...]) -> tuple[Any, BaseException | None]:
        try:
            return await self.await_item(index, args), None
        except BaseException as error:  # noqa: BLE001 - the consumer gets it, or it ends the map
            return None, error

    def _on_done(self, _: asyncio.Task[Any]) -> None:
        self._running -= 1

    async def _next(self) -> asyncio.Task[Any] | None:
        """Wait for something to hand over; None when something else is done, and there is room to begin more."""
        if not self._ordered:
            if not self._done:
                self._done.extend(await self._ended.wait())
            return self._done.popleft()
        first = next(iter(self._pending))
        if not first.done():
            await self._ended.wait()
        return first if first.done() else None


_END = object()


def iterate_in_loop(stream: AsyncGenerator[Any, None], name: str) -> Generator[Any, None, None]:
    """Hand over what an async generator yields; left early, the loop closes it at its end.

    Raises:
        SessionError: At the first item: an event loop runs in this thread, and blocking it would stop everything in it.
    """
    if loop_runs_here():
        raise SessionError(
            f"the async task {name!r} cannot be waited for here: an event loop is running in this thread.\n"
            f"Use it in an async way: async for item in task.aimap(...)."
        )
    with LoopThread("pegboard-loop") as loop:
        while (item := loop.run(_next_of(stream))) is not _END:
            yield item


async def _next_of(stream: AsyncGenerator[Any, None]) -> Any:
    return await anext(stream, _END)
