"""A loop that notes each item that was done."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pegboard.parts.awaiting import loop_runs_here
from pegboard_durable._codec import digest_of
from pegboard_durable._errors import JournalDiverged, NotInRun
from pegboard_durable._position import OpenItem, escaped, position_for
from pegboard_durable._state import replay_state

if TYPE_CHECKING:
    from pegboard_durable._position import Position
    from pegboard_durable._records import Step

T = TypeVar("T")


def checkpointed(
    items: Iterable[T] | AsyncIterable[T], key: str | Callable[[T], object] | None = None
) -> Checkpointed[T]:
    """Go through items, and note each one that was done: a resumed run goes on with the first that was not.

    In a coroutine, `async for`.

    Args:
        items: Them; for `async for` they may be an async iterable.
        key: What tells them apart: a function of an item, or the name of an attribute or key; None is their index, and then the
            same items have to come in the same order.

    Raises:
        NotInRun: It is called in no run.
        ValueError: Two items have the same key.
    """
    position = position_for("checkpointed")
    if not isinstance(items, Iterable | AsyncIterable):
        raise TypeError(f"checkpointed takes items to go through, not {type(items).__name__}.")
    if key is not None and not isinstance(key, str) and not callable(key):
        raise TypeError(f"checkpointed: key is a function of an item, or a name, not {type(key).__name__}.")
    return Checkpointed(position, items, key)


class Checkpointed(Generic[T]):
    """What `checkpointed` returns: to be gone through once, with `for` or `async for`."""

    def __init__(self, position: Position, items: Iterable[T] | AsyncIterable[T], key: Any) -> None:
        self._loop = _Loop(position, key)
        self._items = items

    def __iter__(self) -> Iterator[T]:
        if loop_runs_here():
            raise NotInRun(
                "`for` over checkpointed() blocks, and an event loop runs here: write `async for` there.",
                what="checkpointed",
            )
        if not isinstance(self._items, Iterable):
            raise TypeError(
                "`for` over checkpointed() with an async iterable: write `async for`, in a coroutine."
            )
        return _Sync(self._loop, iter(self._items))

    def __aiter__(self) -> AsyncIterator[T]:
        return _Async(self._loop, _each(self._items))


class _Loop:
    """How far a loop is."""

    def __init__(self, position: Position, key: Any) -> None:
        self.position = position
        self._key = key
        self._at = position.key("@checkpointed")
        self._seen: set[str] = set()
        self._index = 0

    def open(self, item: Any) -> Step | None:
        """Return the row of an item that is still to be done; None for one that was."""
        execution, name = self.position.execution, self._name_of(item)
        if name in self._seen:
            raise ValueError(f"checkpointed: two items have the key {name!r}.")
        self._seen.add(name)
        self._index += 1
        at = f"{self._at}[{name}]"
        digest = digest_of((item,), {}) if self._key is None else ""
        found = execution.read(at)
        if found is None:
            execution.check_new(is_undo=self.position.is_undo)
            self.position.refuse_transaction("checkpointed() goes on")
            return self.position.step(at, "value", "ok", digest=digest)
        if found.digest and digest and found.digest != digest:
            raise JournalDiverged(
                f"run {execution.run_id!r} has another item at {at!r} than was done there.\n"
                f"Have the items come in the same order, or tell them apart: checkpointed(items, key=...).",
                run_id=execution.run_id,
                key=at,
                recorded=found.digest,
                now=digest,
            )
        replay_state(execution, at)
        return None

    def _name_of(self, item: Any) -> str:
        key = self._key
        if key is None:
            return str(self._index)
        name = key(item) if callable(key) else _of(item, key)
        return escaped(name if isinstance(name, str) else repr(name))


class _Going(OpenItem):
    """A loop that is gone through: what its body does is recorded below its item."""

    def __init__(self, loop: _Loop) -> None:
        super().__init__(loop.position)
        self._loop = loop
        self._doing: Step | None = None

    def _begin(self, step: Step) -> None:
        self._doing = step
        self.enter(step.key)

    def _end(self) -> Step | None:
        """Return the row of the item that is done, if there is one."""
        done, self._doing = self._doing, None
        if done is not None:
            self.leave()
            self._loop.position.execution.check()
        return done


class _Sync(_Going, Iterator[T]):
    def __init__(self, loop: _Loop, items: Iterator[T]) -> None:
        super().__init__(loop)
        self._items = items

    def __next__(self) -> T:
        done = self._end()
        if done is not None:
            self._loop.position.write(done)
        while True:
            item = next(self._items)
            step = self._loop.open(item)
            if step is not None:
                self._begin(step)
                return item


class _Async(_Going, AsyncIterator[T]):
    def __init__(self, loop: _Loop, items: AsyncIterator[T]) -> None:
        super().__init__(loop)
        self._items = items

    async def __anext__(self) -> T:
        done, position = self._end(), self._loop.position
        if done is not None:
            await position.writing(position.call, done)
        while True:
            item = await anext(self._items)
            step = self._loop.open(item)
            if step is not None:
                self._begin(step)
                return item


def _of(item: Any, name: str) -> object:
    return item[name] if isinstance(item, Mapping) else getattr(item, name)


async def _each(items: Iterable[T] | AsyncIterable[T]) -> AsyncIterator[T]:
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item
