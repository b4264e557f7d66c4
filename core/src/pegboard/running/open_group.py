"""Groups of calls, for plugins that decide what runs when: graphs, workflows, queues.

with open_group("graph", "survey", size=3) as group:
    parts = group.call(split, "today")
    sums = [group.submit(add_up, part) for part in parts]
    group.wait(sums)
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable, Collection, Coroutine, Sequence
from contextlib import AbstractContextManager
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any, ParamSpec, Self, overload

from pegboard.calls.call import Call
from pegboard.current import Joining, joining
from pegboard.errors import SessionError
from pegboard.parts.awaiting import PLAIN, is_awaitable, outlast, refuse_awaitable, settled
from pegboard.parts.event_loop import running_loop
from pegboard.parts.stopping import Stop, stop_in_force
from pegboard.running.group import Group
from pegboard.running.group_state import GroupState, OnError
from pegboard.running.in_loop import run_in_loop
from pegboard.running.on_threads import Submitted, drain
from pegboard.running.one import call_in, finish, finish_in_thread, finish_structured, tell_made
from pegboard.running.placing import choose_place, workers_of
from pegboard.sessions.default import serving_session
from pegboard.sessions.serving import SERVING
from pegboard.sessions.session import current_session

if TYPE_CHECKING:
    import asyncio
    from concurrent.futures import Future
    from types import TracebackType

    from pegboard.places import Place
    from pegboard.tasks.task import Task
    from pegboard.tasks.ways import WaysToCall

P = ParamSpec("P")


def open_group(
    kind: str, name: str, *, size: int | None = None, task: Task[..., Any] | None = None
) -> OpenGroup:
    """Make a group in the session that serves here, to be entered once, with `with` or `async with`.

    Args:
        kind: One word for all of its sort, as it stands in spans and metrics: `graph`, `workflow`, `queue`.
        name: What people call this one.
        size: How many calls there will be, where that is known.
        task: The task all calls are of, where it is one.
    """
    return OpenGroup(Group(serving_session(task), kind, name, size=size, task=task))


class OpenGroup:
    """A group whose calls are being made: told when it begins, and ended only when all of them are over.

    Every call runs in a copy of the context in which the group was entered: what observers of `before_group` made
    current there is so for the calls, and for nobody else. `acall` alone runs in the context that awaits it. While the
    group is open, calls may be made from any thread, and by the calls in it.

    When an error leaves the `with` block, what was begun with `start` is cancelled, and so is what was submitted and has
    not begun, or waits; what runs is waited for. The errors of calls are in their futures, for whoever asked for them.

    Attributes:
        group: What observers are told of; every call made here carries it.
        value: What `after_group` is told the group gave; yours to set, None until then.
    """

    __slots__ = (
        "_context",
        "_is_unserved",
        "_linked",
        "_made",
        "_outer",
        "_stop",
        "_submitted",
        "_tasks",
        "group",
        "value",
    )

    def __init__(self, group: Group) -> None:
        self.group = group
        self.value: Any = None
        self._context: Context | None = None
        self._stop = Stop(f"the {group.kind} was given up")
        self._linked: AbstractContextManager[None] | None = None
        self._outer: Stop | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._made: set[Call] = set()
        self._is_unserved = current_session() is None
        self._submitted = Submitted(self._note_failure, self._stop, self._finish_submitted)

    def __repr__(self) -> str:
        return f"<OpenGroup {self.group.kind} {self.group.name} {self.group.id}>"

    # Making calls -----------------------------------------------------------------------------------------------

    def make(self, task: WaysToCall[P, Any], /, *args: P.args, **kwargs: P.kwargs) -> Call:
        """Make a call that begins when it is handed to `call`, `acall`, `start` or `submit`, in place of a task.

        Until then `call.state` may be told what observers and layers should know when it begins; afterwards the call
        tells what they made of it. It counts as a call of the group from now on, and may be dropped.

        Raises:
            SessionError: The group is not open.
        """
        call = self.context().run(self._make, task, args, kwargs)
        self._made.add(call)
        return call

    @overload
    def call(self, task: WaysToCall[P, Any], /, *args: P.args, **kwargs: P.kwargs) -> Any: ...
    @overload
    def call(self, task: Call, /) -> Any: ...
    def call(self, task: WaysToCall[..., Any] | Call, /, *args: Any, **kwargs: Any) -> Any:
        """Call a task here, whatever its kind, and return its value; a stream gives the list of its items.

        Raises:
            MustBeAwaited: The value has to be awaited.
            SessionError: The group is not open, or the task is async and an event loop runs in this thread.
        """
        return self.context().run(self._finish, task, args, kwargs)

    @overload
    async def acall(self, task: WaysToCall[P, Any], /, *args: P.args, **kwargs: P.kwargs) -> Any: ...
    @overload
    async def acall(self, task: Call, /) -> Any: ...
    async def acall(self, task: WaysToCall[..., Any] | Call, /, *args: Any, **kwargs: Any) -> Any:
        """Do what `call` does, to be awaited, as is what the task returns; the body of a sync task runs in a thread."""
        if self._context is None:
            raise self._not_open()
        return await self._finish_async(self._make_told(task, args, kwargs))

    @overload
    def start(self, task: WaysToCall[P, Any], /, *args: P.args, **kwargs: P.kwargs) -> asyncio.Task[Any]: ...
    @overload
    def start(self, task: Call, /) -> asyncio.Task[Any]: ...
    def start(self, task: WaysToCall[..., Any] | Call, /, *args: Any, **kwargs: Any) -> asyncio.Task[Any]:
        """Begin a call in the running event loop, and return the asyncio task that finishes it.

        What `submit` is for sync code: the body of a sync task runs in a thread of the loop's own.
        """
        loop = running_loop()
        context = self.context()
        call = context.run(self._make_told, task, args, kwargs)
        context.run(stop_in_force.set, self._outer)  # the group cancels it
        running = loop.create_task(self._finish_async(call), context=context)
        self._tasks.add(running)
        running.add_done_callback(self._over)
        return running

    @overload
    def submit(self, task: WaysToCall[P, Any], /, *args: P.args, **kwargs: P.kwargs) -> Future[Any]: ...
    @overload
    def submit(self, task: Call, /) -> Future[Any]: ...
    def submit(self, task: WaysToCall[..., Any] | Call, /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call a task on the session's executor, and return a Future; cancelled before it starts, it never runs.

        Async code uses `start`.
        """
        context = self.context()
        call = context.run(self._make_told, task, args, kwargs)
        future = self._submitted.add(choose_place(call), context, call)
        if future is None:
            raise self._not_open()
        return future

    def wait(self, futures: Collection[Future[Any]]) -> None:
        """Wait until these futures of this group are over, whatever became of them.

        The waiting thread runs those that nobody has begun, so that groups within groups end even when every thread of
        the executor waits in one.
        """
        self._submitted.wait(futures)

    def wait_any(self, futures: Collection[Future[Any]]) -> set[Future[Any]]:
        """Wait until at least one of these futures of this group is over, and return those that are.

        The waiting thread runs one that nobody begins within a moment, for the same reason as in `wait`.
        """
        return self._submitted.wait_any(futures)

    # Many at once -------------------------------------------------------------------------------------------------

    def run_all(
        self, items: Sequence[GroupItem], *, concurrency: int | None = None, on_error: OnError = "raise"
    ) -> list[Any]:
        """Run items on the session's executor, the caller being one of its workers, and return the results in their order.

        Args:
            items: What to run, each in a context of its own.
            concurrency: How many may run at once; at most what the executor allows.
            on_error: As for `Task.map`.

        Raises:
            BaseException: What one of them raised, or a `MapError`; nothing of it runs any more.
        """
        work = _Items(self, items, on_error)
        return drain(work, self._worker, len(items), concurrency)

    async def arun_all(
        self, items: Sequence[GroupItem], *, concurrency: int | None = None, on_error: OnError = "raise"
    ) -> list[Any]:
        """Do what `run_all` does in the running event loop; without `concurrency`, all run at once."""
        return await run_in_loop(_Items(self, items, on_error), concurrency or max(len(items), 1))

    def run_item(
        self, index: int, task: Task[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Call a task, as an item of `run_all`; its function runs on its executor."""
        call = self._make(task, args, kwargs)
        call.map_index = index
        choose_place(call, self._worker)
        return finish(call)

    def await_item(
        self, index: int, task: Task[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Awaitable[Any]:
        """Call a task, as an item of `arun_all`; the body of a sync one runs in a thread, or on its executor."""
        call = self._make(task, args, kwargs)
        call.map_index = index
        if not call.is_async:
            choose_place(call)
        return finish_structured(tell_made(call))

    def join(self, index: int, coroutine: Coroutine[Any, Any, Any]) -> Awaitable[Any]:
        """Return a coroutine to be awaited as an item; where it is a task's, its call is one of the group's."""
        self.group.calls += 1
        joining.set(Joining(coroutine, self.group, index))
        return coroutine

    @property
    def _worker(self) -> Place:
        return workers_of(self.group.session)

    def context(self) -> Context:
        """Make a context for one call: a copy of the group's own.

        Raises:
            SessionError: The group is not open.
        """
        context = self._context
        if context is None:
            raise self._not_open()
        return context.copy()

    def _make(self, task: WaysToCall[..., Any] | Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        """Make a call in this context, or take the one that was made already."""
        if isinstance(task, Call):
            return self._take(task, given=bool(args or kwargs))
        if self._stop.is_asked:
            raise self._stop.cancellation()
        applied, args = task.applied_to(args)
        if self._is_unserved and SERVING.elsewhere:
            SERVING.tell_unserved(applied)
        group = self.group
        call = call_in(group.session, applied, args, kwargs)
        call.group = group
        group.calls += 1
        return call

    def _make_told(
        self, task: WaysToCall[..., Any] | Call, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Call:
        """Do what `_make` does, for a call that is run later, or elsewhere."""
        return tell_made(self._make(task, args, kwargs))

    def _take(self, call: Call, *, given: bool) -> Call:
        if given:
            raise TypeError(
                "a call that was made has its arguments already; hand it over alone: group.call(made)."
            )
        try:
            self._made.remove(call)
        except KeyError:
            raise SessionError(
                f"{call!r} cannot be begun in {self!r}: it has begun before, or another group made it.\n"
                f"A call happens once, where it was made: make another with group.make(task, ...)."
            ) from None
        return call

    def _finish(
        self, task: WaysToCall[..., Any] | Call, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        call = self._make(task, args, kwargs)
        try:
            value = finish(call)
            if type(value) not in PLAIN:  # looked up here, as frames are dear
                self._refuse_awaitable(call, value)
            return value
        except BaseException:
            self.group.failed += 1
            raise

    def _finish_submitted(self, call: Call) -> Any:
        value = finish_in_thread(call)
        if type(value) not in PLAIN:
            self._refuse_awaitable(call, value)
        return value

    def _refuse_awaitable(self, call: Call, value: Any) -> None:
        if is_awaitable(value):
            refuse_awaitable(value, call.task.name, f"{self.group.kind} {self.group.name!r}")

    async def _finish_async(self, call: Call) -> Any:
        try:
            value = await finish_structured(call)
            return value if type(value) in PLAIN else await settled(value)
        except BaseException:
            self.group.failed += 1
            raise

    def _over(self, running: asyncio.Task[Any]) -> None:
        self._tasks.discard(running)
        if not running.cancelled():
            running.exception()  # seen, or asyncio would log it, text and all, where the group was given up meanwhile

    def _note_failure(self) -> None:
        self.group.failed += 1

    # Beginning and end ------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        if self._context is not None or self._submitted.closed:
            raise SessionError(f"{self!r} was entered before. A group begins and ends once: open another.")
        self._outer = outer = stop_in_force.get()
        if outer is not None:
            self._linked = outer.waking(self._stop.ask)
            self._linked.__enter__()
        self._context = copy_context()
        self._context.run(stop_in_force.set, self._stop)
        self._context.run(self.group.begin)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        interruption = self._submitted.end(cancelling=error is not None)
        self._end(error, interruption)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        cancelling = error is not None
        interruption = None
        if isinstance(error, GeneratorExit):  # dropped: nothing can be awaited any more
            self._cancel()
        elif not self._is_idle():
            interruption = await self._wait_for_all(cancelling=cancelling)
        self._end(error, self._submitted.end(cancelling=cancelling) or interruption)

    async def _wait_for_all(self, *, cancelling: bool) -> BaseException | None:
        """Wait for what was begun here; cancelled itself, it cancels that, waits on, and returns the cancellation."""
        import asyncio

        if cancelling:
            self._cancel()
        ending = asyncio.ensure_future(self._all_over())
        interruption = await outlast([ending], self._cancel)
        return ending.exception() or interruption

    async def _all_over(self) -> None:
        import asyncio

        while not self._is_idle():
            if self._tasks:
                await asyncio.wait(list(self._tasks))
            else:  # threads are waited for in a thread, which runs what none of them begins
                await asyncio.to_thread(self._submitted.wait_for_all)

    def _is_idle(self) -> bool:
        return not self._tasks and self._submitted.is_idle

    def _cancel(self) -> None:
        self._submitted.cancel()
        for running in self._tasks:
            running.cancel()

    def _end(self, error: BaseException | None, interruption: BaseException | None) -> None:
        context, self._context = self._context, None
        if self._linked is not None:
            self._linked.__exit__(None, None, None)
        if context is not None and self._stop.is_asked:
            context.run(stop_in_force.set, None)  # who is told of the end may wait
        stopped = interruption or error
        if context is not None:
            context.run(self.group.end, stopped, self.value if stopped is None else None)
        if interruption is not None:
            raise interruption

    def _not_open(self) -> SessionError:
        return SessionError(
            f"{self!r} makes no calls: it is over, or was never entered.\n"
            f"Calls are made inside `with open_group(...) as group:`, and by what runs in it."
        )


class GroupItem:
    """Something that `run_all` and `arun_all` run, for plugins to define."""

    __slots__ = ()

    @abstractmethod
    def run(self, group: OpenGroup, index: int) -> Any:
        """Run it here and return its value."""

    @abstractmethod
    def arun(self, group: OpenGroup, index: int) -> Awaitable[Any]:
        """Return what has to be awaited for its value."""


class _Items(GroupState):
    """Items of an open group, whose beginning and end that group tells."""

    def __init__(self, group: OpenGroup, items: Sequence[GroupItem], on_error: OnError) -> None:
        super().__init__(group.group, zip(items, strict=True), on_error)
        self.home = group.context()
        self._open = group

    def begin(self) -> None:
        """Told already."""

    def end(self, error: BaseException | None, value: Any = None) -> None:
        """Told when the group is left."""

    def finish_item(self, index: int, args: tuple[Any, ...]) -> Any:
        """Run an item."""
        return args[0].run(self._open, index)

    def await_item(self, index: int, args: tuple[Any, ...]) -> Awaitable[Any]:
        """Return what to await for an item."""
        waiting: Awaitable[Any] = args[0].arun(self._open, index)
        return waiting
