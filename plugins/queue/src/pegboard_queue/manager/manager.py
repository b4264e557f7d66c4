"""The manager: items are submitted to it, and it runs them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

from pegboard import current_session
from pegboard.parts import after_fork, checks, time_for_work
from pegboard.parts.event_loop import running_loop
from pegboard_queue._checks import dependencies_given, seconds_or_none
from pegboard_queue._errors import QueueError
from pegboard_queue.items.item import Item, checked_items
from pegboard_queue.items.state import State
from pegboard_queue.items.statistics import Statistics
from pegboard_queue.manager.admission import Admission, place_here
from pegboard_queue.manager.control import Control
from pegboard_queue.manager.waiting import Waiting, value_of
from pegboard_queue.running.dependencies import refuse_stranger
from pegboard_queue.running.registry import Registry
from pegboard_queue.running.workers import Workers

if TYPE_CHECKING:
    from types import TracebackType

    from pegboard_queue.items.item import DependsOn

T = TypeVar("T")
_WORKERS = checks.whole(least=1)
_KEEP = checks.whole(least=0).or_none("all of them")


class TaskManager:
    """Runs submitted items, by `Item.priority`, at most so many at once.

    A context manager, sync and async: at its end it waits for all items; after an error in the block it cancels them and waits
    for what runs. Paused items are cancelled in both cases. Safe for threads. Each item is a call in the session, and with the
    context, of whoever submits it; a thread without a session submits in the one that the manager was made in. A coroutine runs in the loop that `async with` was entered in, otherwise in one of the manager's own.

    In a forked child it begins without items: those of the parent are the parent's, which runs them.

    Args:
        workers: How many items run at once, functions and coroutines together.
        keep: How many items that have ended it remembers for `get`, `list` and `depends_on`; None for all. An
            `Item` that you hold is yours, and the counts of `statistics` go on.

    Attributes:
        id: Unique among managers.
        is_closed: Whether it has been closed, and its threads have ended.
    """

    def __init__(self, workers: int = 4, *, keep: int | None = 10_000) -> None:
        self.workers = _WORKERS.check("workers", workers, owner="TaskManager")
        self._keep = _KEEP.check("keep", keep, owner="TaskManager")
        self._home = place_here()
        self.is_closed = False
        self._begin()
        self._admission.adopt(self, current_session(), made_here=True)
        after_fork(self._begin_anew)

    def _begin(self) -> None:
        self._registry = Registry(self._keep)
        self.id = self._registry.id
        self._workers = Workers(self._registry, self.workers)
        self._waiting = Waiting(self._registry, self._workers)
        self._control = Control(self._registry, self._workers.scheduler, self._waiting)
        self._admission = Admission(self._registry, self._workers.scheduler, self._control, self._home)

    def _begin_anew(self) -> None:
        """In a forked child: begin without items. A thread that came along from within one, or from a wait, goes on without."""
        if not self.is_closed:
            self._workers.scheduler.break_down(
                QueueError("the process that this one was forked from runs its items.")
            )
            self._registry.notifier.forget()
            self._begin()

    def __repr__(self) -> str:
        return (
            f"<TaskManager {self.id}: {self._registry.unfinished} of {self._registry.submitted} unfinished>"
        )

    # Submitting -------------------------------------------------------------------------------------------------

    @overload
    def submit(self, task: Item[T], *, depends_on: DependsOn = ()) -> Item[T]: ...
    @overload
    def submit(self, task: Sequence[Item[T]], *, depends_on: DependsOn = ()) -> list[Item[T]]: ...
    @overload
    def submit(
        self,
        task: Callable[..., Coroutine[Any, Any, T]],
        args: Iterable[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        name: str | None = None,
        priority: int | None = None,
        depends_on: DependsOn = (),
    ) -> Item[T]: ...
    @overload
    def submit(
        self,
        task: Callable[..., Iterator[T] | AsyncIterator[T]],
        args: Iterable[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        name: str | None = None,
        priority: int | None = None,
        depends_on: DependsOn = (),
    ) -> Item[list[T]]: ...
    @overload
    def submit(
        self,
        task: Callable[..., T],
        args: Iterable[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        name: str | None = None,
        priority: int | None = None,
        depends_on: DependsOn = (),
    ) -> Item[T]: ...
    def submit(
        self,
        task: Any,
        args: Iterable[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        name: str | None = None,
        priority: int | None = None,
        depends_on: DependsOn = (),
    ) -> Any:
        """Hand in a call to be made, and return its item at once.

        Args:
            task: A task of any kind, a `Work`, a plain function, or an `Item` that is pending. A stream is read to a list.
                A list of pending items is taken in as a whole, or not at all; each may depend on any other of them, by
                name, too. The list comes back.
            args: Its positional arguments, as a tuple.
            kwargs: Its keyword arguments.
            name: For `depends_on` and errors: of the items that have not ended, only one may be given a name.
            priority: A whole number, by default the task's own, `@task(Priority(5))`, or 0; see `Item.priority`.
            depends_on: Items, or names of items, that have to complete first; looked up now. When one of them does
                not complete, this item is skipped.

        Raises:
            UnknownItem, CyclicDependency, DuplicateItem, ManagerClosed: It was not submitted.
            TypeError, ValueError: An argument cannot be what it is for.
        """
        needs = dependencies_given(depends_on) if depends_on else ()
        if isinstance(task, list | tuple):
            items = checked_items(task)
            self._admission.admit_all(self, items, needs)
            return items
        item: Item[Any]
        if isinstance(task, Item):
            item = task
        else:
            item = Item(task, args, kwargs, name=name, priority=priority, clock=self._admission.clock())
        self._admission.admit(self, item, needs)
        return item

    # Looking ----------------------------------------------------------------------------------------------------

    def get(self, item: Item[T] | str) -> Item[Any]:
        """Return the item of a name or an id; an item of this manager is returned as it is.

        Raises:
            UnknownItem: There is none, or there are several of that name.
        """
        if isinstance(item, Item):
            if not self._registry.holds(item):
                return refuse_stranger(item)
            return item
        if not isinstance(item, str):
            raise TypeError(f"an item is found by its name or id, not by {type(item).__name__}.")
        with self._registry.guard:
            return self._registry.find(item)

    def list(self, status: State | str | None = None) -> list[Item[Any]]:
        """Return the items, or those in one state, in the order of submission."""
        wanted = None if status is None else State(status)
        with self._registry.guard:
            items = [*self._registry.items.values()]
        return [item for item in items if wanted is None or item.state is wanted]

    def statistics(self) -> Statistics:
        """Count the items by state."""
        with self._registry.guard:
            return Statistics(self._registry.submitted, MappingProxyType(dict(self._registry.counts)))

    # Waiting ----------------------------------------------------------------------------------------------------

    def wait(self, item: Item[T] | str, timeout: float | None = None) -> T:
        """Wait until an item has ended, and return its value or raise its task's own error.

        Within an item of this manager it runs what it waits for itself, if that has not started; such a run is not timed.

        Args:
            item: The item, its name or its id.
            timeout: Seconds of real time, whatever the session's clock; None waits as long as it takes.

        Raises:
            TimeoutError: It has not ended by then. Nothing is cancelled.
            ItemCancelled, DependencyFailed: It has no value.
            QueueError: This thread runs an event loop, or the wait would never end.
        """
        found: Item[T] = self.get(item)
        self._waiting.for_item(found, seconds_or_none(timeout))
        return value_of(found)

    async def await_item(self, item: Item[T] | str) -> T:
        """Do what `wait` does, in an event loop; `await item` is the same.

        For a timeout put `async with asyncio.timeout(...)` around it: cancelling who waits leaves the item alone.
        """
        found: Item[T] = self.get(item)
        await self._waiting.for_item_async(found)
        return value_of(found)

    def join(self, timeout: float | None = None) -> None:
        """Wait until every item has ended and no function runs; what is paused holds it up. Never raises an item's error.

        Raises:
            TimeoutError: Not all have after so many seconds. Nothing is cancelled.
        """
        self._waiting.for_all(seconds_or_none(timeout))

    async def ajoin(self) -> None:
        """Do what `join` does, in an event loop."""
        await self._waiting.for_all_async()

    # Steering ---------------------------------------------------------------------------------------------------

    def cancel(self, item: Item[Any] | str) -> None:
        """Cancel an item that has not ended, and skip all that depends on it.

        A running coroutine is cancelled. A running function cannot be: it keeps its slot to its end, may ask
        `current_item().is_cancelled`, and its result is dropped. The item is `cancelled` at once in both cases.

        Raises:
            IllegalTransition: It has ended.
        """
        self._control.cancel(self.get(item))

    def cancel_all(self) -> None:
        """Cancel every item that has not ended."""
        self._control.cancel_where(lambda _: True)

    def retry(self, item: Item[Any] | str, *, dependants: bool = False) -> None:
        """Make a failed item ready again.

        Args:
            item: The item, its name or its id.
            dependants: Whether what was skipped because of it waits for it again; else it stays skipped, and so does what
                also depends on something else that did not complete.

        Raises:
            IllegalTransition: It has not failed.
        """
        self._control.retry(self.get(item), dependants=dependants)

    def pause(self, item: Item[Any] | str | None = None) -> None:
        """Keep an item that has not started from starting; without one, keep all: what runs goes on.

        Raises:
            IllegalTransition: It has started.
        """
        self._control.pause(None if item is None else self.get(item))

    def resume(self, item: Item[Any] | str | None = None) -> None:
        """Let a paused item go on, one whose task suspended itself too; without one, let the manager go on.

        Raises:
            IllegalTransition: The item is not paused.
        """
        self._control.resume(None if item is None else self.get(item))

    def add_dependency(self, item: Item[Any] | str, on: Item[Any] | str) -> None:
        """Have an item that has not started wait for another one too.

        Raises:
            CyclicDependency: That one depends on it. IllegalTransition: The item has started.
        """
        self._control.add_dependency(self.get(item), on)

    def remove_dependency(self, item: Item[Any] | str, on: Item[Any] | str) -> None:
        """Have an item that waits do so no longer for another one.

        Raises:
            UnknownItem: It does not depend on that one. IllegalTransition: It has started.
        """
        self._control.remove_dependency(self.get(item), self.get(on))

    # The end ----------------------------------------------------------------------------------------------------

    def close(self, *, cancel: bool = False) -> None:
        """End the manager: wait for every item, and end its threads. Closing twice is fine.

        Items that run may still submit others; nobody else may. Paused items are cancelled, and all that have not started
        when the whole manager is paused. A KeyboardInterrupt meanwhile cancels the rest.

        Args:
            cancel: Cancel every item instead of running it, and wait for what runs.
        """
        self._close(lambda: self._control.begin_closing(cancel=cancel))

    def _close(self, begin: Callable[[], None]) -> None:
        if self.is_closed:
            return
        if not self._workers.scheduler.is_idle:
            self._waiting.refuse_blocking("for the manager's end")
        self._waiting.refuse_inside()
        begin()
        try:
            self.join()
        except BaseException as error:
            self._give_up(error)
            self.join()
            raise
        finally:
            self._workers.close()
            self.is_closed = True

    def close_in_time(self) -> None:
        """End the manager as its session ends: all is cancelled, but at SIGTERM what runs has the time that is left for work."""
        most = time_for_work()
        self._give_up(None if most is None else SystemExit())
        try:
            self._waiting.for_all(most)
        except TimeoutError:
            self.cancel_all()
        self._workers.close(wait=self._workers.scheduler.is_idle)
        self.is_closed = True

    def _begin_to_end(self, error: BaseException | None) -> Callable[[], None]:
        """Return what begins the end of a block that was left with this error."""
        if error is None:
            return lambda: self._control.begin_closing(cancel=False)
        return lambda: self._give_up(error)

    def _give_up(self, error: BaseException | None) -> None:
        """Take no more items, and cancel all; where SIGTERM leaves a session that drains, those alone that have not started."""
        session = self._admission.session()
        has_time = error is not None and not isinstance(error, Exception | KeyboardInterrupt)
        if has_time and session is not None and session.is_draining:
            self._control.begin_closing_drained()
        else:
            self._control.begin_closing(cancel=True)

    async def aclose(self, *, cancel: bool = False) -> None:
        """Do what `close` does, in an event loop."""
        await self._aclose(lambda: self._control.begin_closing(cancel=cancel))

    async def _aclose(self, begin: Callable[[], None]) -> None:
        import asyncio

        if self.is_closed:
            return
        self._waiting.refuse_inside()
        begin()
        try:
            await self.ajoin()
        except BaseException as error:
            self._give_up(error)
            await self.ajoin()
            raise
        finally:
            await asyncio.to_thread(self._workers.close)
            self.is_closed = True

    def __enter__(self) -> Self:
        self._waiting.refuse_blocking("for the manager's end, as `with` does,")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._close(self._begin_to_end(error))
        except Exception as failure:
            if error is None or failure is not self._workers.scheduler.broken:
                raise
            _note_failure(error, failure)

    async def __aenter__(self) -> Self:
        loop = running_loop()
        with self._registry.guard:
            if self._workers.loop is None:
                self._workers.loop = loop
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._aclose(self._begin_to_end(error))
        except Exception as failure:
            if error is None or failure is not self._workers.scheduler.broken:
                raise
            _note_failure(error, failure)


def _note_failure(error: BaseException, failure: Exception) -> None:
    """Leave on the error of a block what ended the manager, too."""
    try:
        error.add_note(f"and the manager ended with {type(failure).__name__}: {failure}")
    except Exception:  # noqa: BLE001 - a class that takes no notes: its error matters, the note does not
        pass
