"""The ways to call a task, whatever its kind."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, overload

from pegboard import _running
from pegboard._fanout import OnError, map_async, map_sync

if TYPE_CHECKING:
    from concurrent.futures import Future

    from pegboard.records import TaskResult
    from pegboard.task import Task

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)
T = TypeVar("T")


class WaysToCall(Generic[P, R_co]):
    """The ways to call a task, shared by tasks and by tasks bound to an object."""

    @abstractmethod
    def _applied_to(self, args: tuple[Any, ...]) -> tuple[Task[..., Any], tuple[Any, ...]]:
        """The task to call, and its arguments: of a method, the object it is bound to goes first."""

    @overload
    def run(
        self: WaysToCall[P, Coroutine[Any, Any, T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> TaskResult[T]: ...
    @overload
    def run(
        self: WaysToCall[P, Iterator[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> TaskResult[list[T]]: ...
    @overload
    def run(
        self: WaysToCall[P, AsyncIterator[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> TaskResult[list[T]]: ...
    @overload
    def run(self, /, *args: P.args, **kwargs: P.kwargs) -> TaskResult[R_co]: ...
    def run(self, /, *args: Any, **kwargs: Any) -> TaskResult[Any]:
        """Call the task and return how it went; a stream is read to its end, and its value is the list of items.

        Never raises an Exception: not the task's own, nor one for a wrong argument. KeyboardInterrupt, SystemExit and
        cancellation pass. An async task runs in an event loop of its own; where one is running, use `arun`.
        """
        return _running.run(*self._applied_to(args), kwargs)

    @overload
    def arun(
        self: WaysToCall[P, Coroutine[Any, Any, T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, TaskResult[T]]: ...
    @overload
    def arun(
        self: WaysToCall[P, Iterator[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, TaskResult[list[T]]]: ...
    @overload
    def arun(
        self: WaysToCall[P, AsyncIterator[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, TaskResult[list[T]]]: ...
    @overload
    def arun(self, /, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, TaskResult[R_co]]: ...
    def arun(self, /, *args: Any, **kwargs: Any) -> Coroutine[Any, Any, TaskResult[Any]]:
        """Do what `run` does, to be awaited; the body of a sync task runs in a thread, with this context."""
        return _running.arun(*self._applied_to(args), kwargs)

    @overload
    def acall(
        self: WaysToCall[P, Coroutine[Any, Any, T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, T]: ...
    @overload
    def acall(
        self: WaysToCall[P, Iterator[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, list[T]]: ...
    @overload
    def acall(
        self: WaysToCall[P, AsyncIterator[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, list[T]]: ...
    @overload
    def acall(self, /, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R_co]: ...
    def acall(self, /, *args: Any, **kwargs: Any) -> Coroutine[Any, Any, Any]:
        """Call the task, whatever its kind, with something to await.

        The body of a sync task runs in a thread, with this context; a stream is read to its end into a list.
        """
        return _running.acall(*self._applied_to(args), kwargs)

    @overload
    def submit(
        self: WaysToCall[P, Coroutine[Any, Any, T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Future[T]: ...
    @overload
    def submit(self: WaysToCall[P, Iterator[T]], /, *args: P.args, **kwargs: P.kwargs) -> Future[list[T]]: ...
    @overload
    def submit(
        self: WaysToCall[P, AsyncIterator[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Future[list[T]]: ...
    @overload
    def submit(self, /, *args: P.args, **kwargs: P.kwargs) -> Future[R_co]: ...
    def submit(self, /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call the task on the session's executor, with this context, and return a Future.

        Cancelling it before it starts means it never runs. The session waits for it before it ends.
        """
        return _running.submit(*self._applied_to(args), kwargs)

    @overload
    def map(
        self: WaysToCall[P, Coroutine[Any, Any, T]],
        *iterables: Iterable[Any],
        on_error: OnError = ...,
        concurrency: int | None = ...,
        strict: bool = ...,
    ) -> list[T]: ...
    @overload
    def map(
        self: WaysToCall[P, Iterator[T]],
        *iterables: Iterable[Any],
        on_error: OnError = ...,
        concurrency: int | None = ...,
        strict: bool = ...,
    ) -> list[list[T]]: ...
    @overload
    def map(
        self: WaysToCall[P, AsyncIterator[T]],
        *iterables: Iterable[Any],
        on_error: OnError = ...,
        concurrency: int | None = ...,
        strict: bool = ...,
    ) -> list[list[T]]: ...
    @overload
    def map(
        self,
        *iterables: Iterable[Any],
        on_error: OnError = ...,
        concurrency: int | None = ...,
        strict: bool = ...,
    ) -> list[R_co]: ...
    def map(
        self,
        *iterables: Iterable[Any],
        on_error: OnError = "raise",
        concurrency: int | None = None,
        strict: bool = False,
    ) -> list[Any]:
        """Call the task once for each input, on the session's executor, and return the results in input order.

        Args:
            iterables: One for each parameter; the shortest ends the map. They are read as the map goes along.
            on_error: `raise`: the first failure stops the map, what runs already is waited for, and the task's own
                exception is raised (of the lowest index, when several failed). `collect`: every input runs, and an exception
                takes the place of a result.
            concurrency: How many calls may run at once; at most what the executor allows.
            strict: Raise ValueError when the iterables are not of one length.
        """
        return map_sync(*self._applied_to(()), iterables, on_error, concurrency, strict)

    @overload
    def amap(
        self: WaysToCall[P, Coroutine[Any, Any, T]],
        *iterables: Iterable[Any],
        on_error: OnError = ...,
        concurrency: int | None = ...,
        strict: bool = ...,
    ) -> Coroutine[Any, Any, list[T]]: ...
    @overload
    def amap(
        self: WaysToCall[P, Iterator[T]],
        *iterables: Iterable[Any],
        on_error: OnError = ...,
        concurrency: int | None = ...,
        strict: bool = ...,
    ) -> Coroutine[Any, Any, list[list[T]]]: ...
    @overload
    def amap(
        self: WaysToCall[P, AsyncIterator[T]],
        *iterables: Iterable[Any],
        on_error: OnError = ...,
        concurrency: int | None = ...,
        strict: bool = ...,
    ) -> Coroutine[Any, Any, list[list[T]]]: ...
    @overload
    def amap(
        self,
        *iterables: Iterable[Any],
        on_error: OnError = ...,
        concurrency: int | None = ...,
        strict: bool = ...,
    ) -> Coroutine[Any, Any, list[R_co]]: ...
    def amap(
        self,
        *iterables: Iterable[Any],
        on_error: OnError = "raise",
        concurrency: int | None = None,
        strict: bool = False,
    ) -> Coroutine[Any, Any, list[Any]]:
        """Do what `map` does, to be awaited: async calls run as asyncio tasks, sync ones in threads.

        When it stops early, the calls that still run are cancelled and awaited before the error leaves.
        """
        return map_async(*self._applied_to(()), iterables, on_error, concurrency, strict)
