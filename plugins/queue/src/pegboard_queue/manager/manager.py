"""The manager: items are submitted to it, and it runs them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Mapping
from contextvars import copy_context
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

from pegboard import Session, current_call, current_session
from pegboard.clock import SYSTEM_CLOCK
from pegboard_queue._checks import seconds_or_none, whole
from pegboard_queue._errors import ManagerClosed, illegal
from pegboard_queue._plugin import plugin_of
from pegboard_queue.items.item import Item, running_item
from pegboard_queue.items.state import ENDED, State
from pegboard_queue.items.statistics import Statistics
from pegboard_queue.manager import dependencies as _dependencies
from pegboard_queue.manager.engine import Engine
from pegboard_queue.manager.registry import Ledger
from pegboard_queue.manager.waiting import Waiting

if TYPE_CHECKING:
    from types import TracebackType

    from pegboard_queue.manager.dependencies import DependsOn

T = TypeVar("T")


class TaskManager:
    """Runs submitted items, the highest priority first, at most so many at once.

    A context manager, sync and async: at its end it waits for all items; after an error in the block it cancels them and waits
    for what runs. Paused items are cancelled in both cases. Safe for threads. Each item is a call in the session, and with the
    context, of whoever submits it; a thread without a session submits in the one that the manager was made in. A coroutine runs in the loop that `async with` was entered in, otherwise in one of the manager's own.

    Args:
        workers: How many items run at once, functions and coroutines together.
        keep: How many items that have ended it remembers for `get`, `list` and `depends_on`; None for all. An
            `Item` that you hold is yours, and the counts of `statistics` go on.

    Attributes:
        id: What the ids of its items begin with.
    """

    def __init__(self, workers: int = 4, *, keep: int | None = 10_000) -> None:
        self.workers = whole("workers", workers, 1)
        self._ledger = Ledger(None if keep is None else whole("keep", keep, 0))
        self._engine = Engine(self._ledger, self.workers)
        self._waiting = Waiting(self._ledger, self._engine)
        self._closed = False
        self.id = self._ledger.id
        self._adopted: Session | None = None
        session = current_session()
        self._home = None if session is None else (session, current_call(), copy_context())
        self._adopt(session, first=True)

    def __repr__(self) -> str:
        return f"<TaskManager {self.id}: {self._ledger.unfinished} of {self._ledger.submitted} unfinished>"

    # Submitting -------------------------------------------------------------------------------------------------

    @overload
    def submit(self, task: Item[T], *, depends_on: DependsOn = ()) -> Item[T]: ...
    @overload
    def submit(
        self,
        task: Callable[..., Coroutine[Any, Any, T]],
        args: Iterable[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        name: str | None = None,
        priority: int = 0,
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
        priority: int = 0,
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
        priority: int = 0,
        depends_on: DependsOn = (),
    ) -> Item[T]: ...
    def submit(
        self,
        task: Any,
        args: Iterable[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        name: str | None = None,
        priority: int = 0,
        depends_on: DependsOn = (),
    ) -> Item[Any]:
        """Hand in a call to be made, and return its item at once.

        Args:
            task: A task of any kind, a `Work`, a plain function, or an `Item` that is pending. A stream is read to a list.
            args: Its positional arguments, as a tuple.
            kwargs: Its keyword arguments.
            name: For `depends_on` and errors: of the items that have not ended, only one may be given a name.
            priority: A whole number; higher ones start first, equal ones in the order of submission.
            depends_on: Items, or names of items, that have to complete first; looked up now. When one of them does
                not complete, this item is skipped.

        Raises:
            UnknownItem, CyclicDependency, DuplicateItem, ManagerClosed: It was not submitted.
            TypeError, ValueError: An argument cannot be what it is for.
        """
        item: Item[Any]
        if isinstance(task, Item):
            item = task
        else:
            session = current_session() or (self._home and self._home[0])
            clock = SYSTEM_CLOCK if session is None else session.clock
            item = Item(task, args, kwargs, name=name, priority=priority, clock=clock)
        self._admit(item, depends_on)
        return item

    def _admit(self, item: Item[Any], depends_on: DependsOn) -> None:
        if item.state is not State.PENDING or item.manager is not None:
            raise illegal(item.name, item.state, State.READY, "it was submitted before")
        session, parent, context = current_session(), current_call(), copy_context()
        if session is None and self._home is not None:
            session, parent, context = self._home[0], self._home[1], self._home[2].copy()
        if session is not self._adopted:
            self._adopt(session)
        context.run(running_item.set, item)
        with self._ledger.guard:
            self._refuse_closed()
            dependencies = _dependencies.resolve(self._ledger, item, depends_on) if depends_on else ()
            self._ledger.add(item)
            item.manager, item.session, item.context, item.parent = self, session, context, parent
            _dependencies.connect(item, dependencies)
            if item.unmet:
                self._wait_or_skip(item)
            else:
                self._engine.make_ready(item)
        self._ledger.teller.tell()

    def _wait_or_skip(self, item: Item[Any]) -> None:
        """Have an item wait, or skip it when something that it depends on has ended badly already."""
        if item.state not in (State.WAITING, State.PAUSED):
            self._engine.take_back(item, State.WAITING)
        for each in item.unmet or ():
            if each.state in ENDED:
                self._engine.skip_dependants(each)
                self._engine.note_idle()
                return

    # Looking ----------------------------------------------------------------------------------------------------

    def get(self, item: Item[T] | str) -> Item[Any]:
        """Return the item of a name or an id; an item of this manager is returned as it is.

        Raises:
            UnknownItem: There is none, or there are several of that name.
        """
        if isinstance(item, Item):
            if item.manager is not self:
                return _dependencies.refuse_stranger(item)
            return item
        if not isinstance(item, str):
            raise TypeError(f"an item is found by its name or id, not by {type(item).__name__}.")
        with self._ledger.guard:
            return self._ledger.find(item)

    def list(self, status: State | str | None = None) -> list[Item[Any]]:
        """Return the items, or those in one state, in the order of submission."""
        wanted = None if status is None else State(status)
        with self._ledger.guard:
            items = [*self._ledger.items.values()]
        return [item for item in items if wanted is None or item.state is wanted]

    def statistics(self) -> Statistics:
        """Count the items by state."""
        with self._ledger.guard:
            return Statistics(self._ledger.submitted, MappingProxyType(dict(self._ledger.counts)))

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
        return _answer(found)

    async def await_item(self, item: Item[T] | str) -> T:
        """Do what `wait` does, in an event loop; `await item` is the same.

        For a timeout put `async with asyncio.timeout(...)` around it: cancelling who waits leaves the item alone.
        """
        found: Item[T] = self.get(item)
        await self._waiting.for_item_async(found)
        return _answer(found)

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
        found = self.get(item)
        with self._ledger.guard:
            self._engine.cancel(found)
        self._ledger.teller.tell()

    def cancel_all(self) -> None:
        """Cancel every item that has not ended."""
        with self._ledger.guard:
            for item in [*self._ledger.items.values()]:
                if item.state not in ENDED:
                    self._engine.cancel(item)
        self._ledger.teller.tell()

    def retry(self, item: Item[Any] | str) -> None:
        """Make a failed item ready again; what was skipped because of it stays skipped.

        Raises:
            IllegalTransition: It has not failed.
        """
        found = self.get(item)
        with self._ledger.guard:
            self._refuse_closed()
            if found.state is not State.FAILED:
                raise illegal(found.name, found.state, State.READY, "only a failed item is retried")
            found.failure = found.result = None
            self._engine.make_ready(found)
        self._ledger.teller.tell()

    def pause(self, item: Item[Any] | str | None = None) -> None:
        """Keep an item that has not started from starting; without one, keep all: what runs goes on.

        Raises:
            IllegalTransition: It has started.
        """
        found = None if item is None else self.get(item)
        with self._ledger.guard:
            self._refuse_closed()
            if found is None:
                self._engine.holds.pause(True)
            elif found.state in (State.RUNNING, State.RETRYING):  # only its own task can suspend it
                raise illegal(found.name, found.state, State.PAUSED, "it has started")
            else:
                self._engine.take_back(found, State.PAUSED)
        self._ledger.teller.tell()

    def resume(self, item: Item[Any] | str | None = None) -> None:
        """Let a paused item go on, one whose task suspended itself too; without one, let the manager go on.

        Raises:
            IllegalTransition: The item is not paused.
        """
        found = None if item is None else self.get(item)
        with self._ledger.guard:
            if found is None:
                self._engine.holds.pause(False)
                self._engine.wake()
                self._engine.fill()
            elif found.state is not State.PAUSED:
                raise illegal(found.name, found.state, State.READY, "it is not paused")
            elif found.unmet:
                self._ledger.move(found, State.WAITING)
            else:
                self._engine.make_ready(found)
        self._ledger.teller.tell()

    def add_dependency(self, item: Item[Any] | str, on: Item[Any] | str) -> None:
        """Have an item that has not started wait for another one too.

        Raises:
            CyclicDependency: That one depends on it. IllegalTransition: The item has started.
        """
        found = self.get(item)
        with self._ledger.guard:
            if found.state not in (State.WAITING, State.READY, State.PAUSED):
                raise illegal(found.name, found.state, State.WAITING)
            (other,) = _dependencies.resolve(self._ledger, found, on)
            if other in found.dependencies:
                return
            _dependencies.refuse_cycle(found, other)
            _dependencies.connect(found, (other,))
            if found.unmet:
                self._wait_or_skip(found)
        self._ledger.teller.tell()

    def remove_dependency(self, item: Item[Any] | str, on: Item[Any] | str) -> None:
        """Have an item that waits do so no longer for another one.

        Raises:
            UnknownItem: It does not depend on that one. IllegalTransition: It has started.
        """
        found = self.get(item)
        with self._ledger.guard:
            if found.state not in (State.WAITING, State.READY, State.PAUSED):
                raise illegal(found.name, found.state, State.READY)
            _dependencies.disconnect(found, self.get(on))
            if not found.unmet and found.state is State.WAITING:
                self._engine.make_ready(found)
        self._ledger.teller.tell()

    # The end ----------------------------------------------------------------------------------------------------

    def close(self, *, cancel: bool = False) -> None:
        """End the manager: wait for every item, and end its threads. Closing twice is fine.

        Items that run may still submit others; nobody else may. Paused items are cancelled, and all that have not started
        when the whole manager is paused. A KeyboardInterrupt meanwhile cancels the rest.

        Args:
            cancel: Cancel every item instead of running it, and wait for what runs.
        """
        self._waiting.refuse_blocking("for the manager's end")
        self._begin_closing(cancel)
        try:
            self.join()
        except BaseException:
            self.cancel_all()
            self.join()
            raise
        finally:
            self._engine.close()

    async def aclose(self, *, cancel: bool = False) -> None:
        """Do what `close` does, in an event loop."""
        import asyncio

        self._begin_closing(cancel)
        try:
            await self.ajoin()
        except BaseException:
            self.cancel_all()
            await self.ajoin()
            raise
        finally:
            await asyncio.to_thread(self._engine.close)

    def _begin_closing(self, cancel: bool) -> None:
        self._waiting.refuse_inside()
        with self._ledger.guard:
            self._engine.closing = True
            everything = cancel or self._engine.holds.paused
            for item in [*self._ledger.items.values()]:
                if item.state is State.PAUSED or (everything and item.state in _NOT_STARTED):
                    self._engine.cancel(item)
        self._ledger.teller.tell()
        if cancel:
            self.cancel_all()

    def _refuse_closed(self) -> None:
        if self._engine.closing and self._waiting.inside() is None:
            raise ManagerClosed(
                "this manager has been closed, so it takes no more work.\nMake another TaskManager."
            )

    def _adopt(self, session: Session | None, *, first: bool = False) -> None:
        """Make sure that the session watches its items, and ends the manager made in it."""
        self._adopted = session
        if session is not None:
            plugin_of(session).adopt(self, session, made_here=first)

    def note_attempt(self, item: Item[Any], state: State) -> None:
        """Note that a running item is retried, or runs again; for the plugin."""
        with self._ledger.guard:
            if item.state in (State.RUNNING, State.RETRYING) and item.state is not state:  # not cancelled
                self._ledger.move(item, state)
        self._ledger.teller.tell()

    def end_session(self, session: Session) -> None:
        """Cancel what is left of a session that ends: what could run in it has; for the plugin."""
        with self._ledger.guard:
            for item in [*self._ledger.items.values()]:
                if item.session is session and item.state not in ENDED:
                    self._engine.cancel(item)
        self._ledger.teller.tell()

    def __enter__(self) -> Self:
        self._waiting.refuse_blocking("for the manager's end, as `with` does,")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(cancel=error is not None)

    async def __aenter__(self) -> Self:
        import asyncio

        with self._ledger.guard:
            if self._engine.loop is None:
                self._engine.loop = asyncio.get_running_loop()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose(cancel=error is not None)


_NOT_STARTED = (State.PENDING, State.WAITING, State.READY)


def _answer(item: Item[T]) -> T:
    if item.hook_failures and item.session is not None:
        stop = [each for each in item.hook_failures if not isinstance(each, Exception)]
        if stop:
            item.hook_failures = None
            raise stop[0]
        item.session.raise_hook_failures(item, item.failure)
    return item.answer()
