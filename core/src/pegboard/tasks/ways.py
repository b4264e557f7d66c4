"""The ways to call a task, whatever its kind."""

from __future__ import annotations

import inspect
import sys
from abc import abstractmethod
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, overload

from pegboard.current import active_session
from pegboard.parts.awaiting import GIVES_COROUTINE
from pegboard.running import one

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)
T = TypeVar("T")

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future
    from typing import TypeAlias, TypedDict, Unpack

    from pegboard.records import TaskResult
    from pegboard.running.group_state import OnError
    from pegboard.running.imap import StreamOnError
    from pegboard.tasks.task import Task

    OfCoroutine: TypeAlias = "WaysToCall[P, Coroutine[Any, Any, T]]"
    OfStream: TypeAlias = "WaysToCall[P, Iterator[T] | AsyncIterator[T]]"

    class MapSettings(TypedDict, total=False):
        """Settings of `map` and `amap`."""

        on_error: OnError
        concurrency: int | None
        strict: bool

    class StreamSettings(TypedDict, total=False):
        """Settings of `imap` and `aimap`."""

        ordered: bool
        concurrency: int | None
        on_error: StreamOnError
        strict: bool


class WaysToCall(Generic[P, R_co]):
    """The ways to call a task, shared by tasks and by tasks bound to an object."""

    @abstractmethod
    def applied_to(self, args: tuple[Any, ...]) -> tuple[Task[..., Any], tuple[Any, ...]]:
        """The task to call, and its arguments: of a method, the object it is bound to goes first."""

    def _call(
        self, way: str, call: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Any:
        """Call the task in one of these ways, or hand that over where calls are recorded instead of made."""
        session = active_session.get()
        if session is not None and (divert := session.diverted) is not None:
            return divert(way, self, args, kwargs)
        return call(*self.applied_to(args), kwargs)

    def _map(
        self, way: str, start: Callable[..., Any], iterables: tuple[Iterable[Any], ...], **settings: Any
    ) -> Any:
        """Do the same for many calls."""
        session = active_session.get()
        if session is not None and (divert := session.diverted) is not None:
            return divert(way, self, iterables, settings)
        return start(*self.applied_to(()), iterables, **settings)

    @overload
    def run(self: OfCoroutine[P, T], /, *args: P.args, **kwargs: P.kwargs) -> TaskResult[T]: ...
    @overload
    def run(self: OfStream[P, T], /, *args: P.args, **kwargs: P.kwargs) -> TaskResult[list[T]]: ...
    @overload
    def run(self, /, *args: P.args, **kwargs: P.kwargs) -> TaskResult[R_co]: ...
    def run(self, /, *args: Any, **kwargs: Any) -> Any:
        """Call the task and return how it went; a stream is read to its end, and its value is the list of items.

        Never raises an Exception: not the task's own, nor one for a wrong argument. KeyboardInterrupt, SystemExit and
        cancellation pass. An async task runs in an event loop of its own; where one is running, use `arun`.
        """
        return self._call("run", one.run, args, kwargs)

    @overload
    def arun(
        self: OfCoroutine[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, TaskResult[T]]: ...
    @overload
    def arun(
        self: OfStream[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, TaskResult[list[T]]]: ...
    @overload
    def arun(self, /, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, TaskResult[R_co]]: ...
    def arun(self, /, *args: Any, **kwargs: Any) -> Any:
        """Do what `run` does, to be awaited; the body of a sync task runs in a thread, with this context."""
        return self._call("arun", one.arun, args, kwargs)

    @overload
    def acall(self: OfCoroutine[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, T]: ...
    @overload
    def acall(self: OfStream[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, list[T]]: ...
    @overload
    def acall(self, /, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R_co]: ...
    def acall(self, /, *args: Any, **kwargs: Any) -> Any:
        """Call the task, whatever its kind, with something to await.

        The body of a sync task runs in a thread, with this context; a stream is read to its end into a list.
        """
        return self._call("acall", one.acall, args, kwargs)

    @overload
    def submit(self: OfCoroutine[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]: ...
    @overload
    def submit(self: OfStream[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[list[T]]: ...
    @overload
    def submit(self, /, *args: P.args, **kwargs: P.kwargs) -> Future[R_co]: ...
    def submit(self, /, *args: Any, **kwargs: Any) -> Any:
        """Call the task on the session's executor, with this context, and return a Future.

        Cancelling it before it starts means it never runs. The session waits for it before it ends.
        """
        return self._call("submit", one.submit, args, kwargs)

    @overload
    def map(self: OfCoroutine[P, T], *iterables: Iterable[Any], **how: Unpack[MapSettings]) -> list[T]: ...
    @overload
    def map(self: OfStream[P, T], *iterables: Iterable[Any], **how: Unpack[MapSettings]) -> list[list[T]]: ...
    @overload
    def map(self, *iterables: Iterable[Any], **how: Unpack[MapSettings]) -> list[R_co]: ...
    def map(
        self,
        *iterables: Iterable[Any],
        on_error: OnError = "raise",
        concurrency: int | None = None,
        strict: bool = False,
    ) -> Any:
        """Call the task once for each input, on the session's executor, and return the results in input order.

        Args:
            iterables: One for each parameter; the shortest ends the map. They are read as the map goes along.
            on_error: `raise`: the first failure stops the map, what runs already is waited for, and the task's own
                exception is raised (of the lowest index, when several failed). `collect`: every input runs, and an exception
                takes the place of a result. `aggregate`: every input runs, then one `MapError` has all results and errors.
            concurrency: How many calls may run at once; at most what the executor allows.
            strict: Raise ValueError when the iterables are not of one length.
        """
        from pegboard.running.map import map_sync

        return self._map(
            "map", map_sync, iterables, on_error=on_error, concurrency=concurrency, strict=strict
        )

    @overload
    def amap(
        self: OfCoroutine[P, T], *iterables: Iterable[Any], **how: Unpack[MapSettings]
    ) -> Coroutine[Any, Any, list[T]]: ...
    @overload
    def amap(
        self: OfStream[P, T], *iterables: Iterable[Any], **how: Unpack[MapSettings]
    ) -> Coroutine[Any, Any, list[list[T]]]: ...
    @overload
    def amap(
        self, *iterables: Iterable[Any], **how: Unpack[MapSettings]
    ) -> Coroutine[Any, Any, list[R_co]]: ...
    def amap(
        self,
        *iterables: Iterable[Any],
        on_error: OnError = "raise",
        concurrency: int | None = None,
        strict: bool = False,
    ) -> Any:
        """Do what `map` does, to be awaited: async calls run as asyncio tasks, sync ones in threads.

        When it stops early, the calls that still run are cancelled and awaited before the error leaves.
        """
        from pegboard.running.map import map_async

        return self._map(
            "amap", map_async, iterables, on_error=on_error, concurrency=concurrency, strict=strict
        )

    @overload
    def imap(
        self: OfCoroutine[P, T], *iterables: Iterable[Any], **how: Unpack[StreamSettings]
    ) -> Iterator[T]: ...
    @overload
    def imap(
        self: OfStream[P, T], *iterables: Iterable[Any], **how: Unpack[StreamSettings]
    ) -> Iterator[list[T]]: ...
    @overload
    def imap(self, *iterables: Iterable[Any], **how: Unpack[StreamSettings]) -> Iterator[R_co]: ...
    def imap(
        self,
        *iterables: Iterable[Any],
        ordered: bool = True,
        concurrency: int | None = None,
        on_error: StreamOnError = "raise",
        strict: bool = False,
    ) -> Any:
        """Do what `map` does, handing each result over as it is asked for: for inputs without end, or too many to keep.

        Calls run ahead of the consumer, at most twice as many as may run at once. Leaving the iterator early (`break`,
        `close()`, or dropping it) cancels what has not begun and waits for what runs. An async task runs in an event loop in
        a thread of its own; where a loop is running, use `aimap`.

        Args:
            iterables: One for each parameter; the shortest ends the map.
            ordered: Whether results come in input order, or as they are completed.
            concurrency: How many calls may run at once; default and upper bound is what the executor allows, for an async
                task the default is 100.
            on_error: `raise`: the first failure met ends the map with the task's own exception. `collect`: an exception
                comes in the place of a result.
            strict: Raise ValueError when the iterables are not of one length.
        """
        from pegboard.running.imap import imap

        settings = {"ordered": ordered, "concurrency": concurrency, "on_error": on_error, "strict": strict}
        return self._map("imap", imap, iterables, **settings)

    @overload
    def aimap(
        self: OfCoroutine[P, T], *iterables: Iterable[Any], **how: Unpack[StreamSettings]
    ) -> AsyncIterator[T]: ...
    @overload
    def aimap(
        self: OfStream[P, T], *iterables: Iterable[Any], **how: Unpack[StreamSettings]
    ) -> AsyncIterator[list[T]]: ...
    @overload
    def aimap(self, *iterables: Iterable[Any], **how: Unpack[StreamSettings]) -> AsyncIterator[R_co]: ...
    def aimap(
        self,
        *iterables: Iterable[Any],
        ordered: bool = True,
        concurrency: int | None = None,
        on_error: StreamOnError = "raise",
        strict: bool = False,
    ) -> Any:
        """Do what `imap` does, for `async for`: async calls run as asyncio tasks, sync ones in threads.

        `contextlib.aclosing` ends it at once when the loop is left early; without it, asyncio does so soon after.
        """
        from pegboard.running.imap import aimap

        settings = {"ordered": ordered, "concurrency": concurrency, "on_error": on_error, "strict": strict}
        return self._map("aimap", aimap, iterables, **settings)


for _way in (WaysToCall.acall, WaysToCall.arun, WaysToCall.amap):
    setattr(_way, GIVES_COROUTINE, True)
    if sys.version_info >= (3, 12):  # what `inspect` looks at; it knows no such mark before
        inspect.markcoroutinefunction(_way)
