"""Context managers written as generators, through which the errors of others pass as they are.

Those of `contextlib` set the traceback of what is raised in their block, which an exception of a frozen class does not take:
its own error would then leave in its place.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast

if TYPE_CHECKING:
    from types import TracebackType

P = ParamSpec("P")
T = TypeVar("T")


class Context(Generic[T]):
    """Made by a function with `context_manager`; used once."""

    __slots__ = ("_steps",)

    def __init__(self, steps: Iterator[T]) -> None:
        self._steps = cast("Generator[T, None, None]", steps)

    def __enter__(self) -> T:
        return next(self._steps)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        if error is None:
            next(self._steps, None)
            return False
        try:
            self._steps.throw(error)
        except StopIteration:  # it ended, and swallowed the error
            return True
        except BaseException as raised:
            if not _is_the_same(raised, error):
                raise
            return False
        raise RuntimeError("the generator of a context manager has one yield, and went on to another")


class AsyncContext(Generic[T]):
    """Made by a function with `async_context_manager`; used once."""

    __slots__ = ("_steps",)

    def __init__(self, steps: AsyncIterator[T]) -> None:
        self._steps = cast("AsyncGenerator[T, None]", steps)

    async def __aenter__(self) -> T:
        return await anext(self._steps)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        if error is None:
            await anext(self._steps, None)
            return False
        try:
            await self._steps.athrow(error)
        except StopAsyncIteration:  # it ended, and swallowed the error
            return True
        except BaseException as raised:
            if not _is_the_same(raised, error):
                raise
            return False
        raise RuntimeError("the generator of a context manager has one yield, and went on to another")


def context_manager(function: Callable[P, Iterator[T]]) -> Callable[P, Context[T]]:
    """Do what `contextlib.contextmanager` does, for a generator with one `yield`; see above."""

    @functools.wraps(function)
    def make(*args: P.args, **kwargs: P.kwargs) -> Context[T]:
        return Context(function(*args, **kwargs))

    return make


def async_context_manager(function: Callable[P, AsyncIterator[T]]) -> Callable[P, AsyncContext[T]]:
    """Do what `contextlib.asynccontextmanager` does, for an async generator with one `yield`; see above."""

    @functools.wraps(function)
    def make(*args: P.args, **kwargs: P.kwargs) -> AsyncContext[T]:
        return AsyncContext(function(*args, **kwargs))

    return make


def _is_the_same(raised: BaseException, error: Any) -> bool:
    """Whether this is what was raised in the block: a StopIteration comes out of a generator in another error (PEP 479)."""
    stopped = isinstance(error, StopIteration | StopAsyncIteration) and isinstance(raised, RuntimeError)
    return raised is error or (stopped and raised.__cause__ is error)
