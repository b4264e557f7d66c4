"""The items of a group as asyncio tasks: so many at once, cancelled and awaited when it stops early."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pegboard.parts.event_loop import running_loop
from pegboard.parts.stopping import is_cancellation

if TYPE_CHECKING:
    import asyncio

    from pegboard.running.group_state import GroupState


async def run_in_loop(state: GroupState, most: int) -> list[Any]:
    """Run a group to its end from async code, `most` items at once, and return the results."""
    tasks = _LoopTasks(state, most)
    try:
        state.begin()
        await tasks.run()
    except BaseException as error:  # noqa: BLE001 - dropped, or a Ctrl-C in an observer of the beginning
        state.failed(len(state.results), error)
    try:
        return state.finish()
    except BaseException as error:  # what the group raises; or a KeyboardInterrupt in its end
        state.end(error)
        raise


class _LoopTasks:
    """The asyncio tasks of one group.

    Inputs are taken and what is done is told in the group's own context, by one thread: no lock, and no context to be
    made for each of it.
    """

    def __init__(self, state: GroupState, most: int) -> None:
        self._loop = running_loop()
        self._state = state
        self._most = most
        self._running: set[asyncio.Task[Any]] = set()
        self._cancelled = False
        self._all_done: asyncio.Future[None] = self._loop.create_future()

    async def run(self) -> None:
        self._state.home.run(self._start_items)
        while self._running:
            try:
                await self._all_done
            except GeneratorExit:  # dropped: nothing can be awaited any more
                self._cancel()
                raise
            except BaseException as error:  # noqa: BLE001 - cancelled from outside
                self._state.failed(len(self._state.results), error)
                self._cancel()
                self._all_done = self._loop.create_future()

    def _start_items(self) -> None:
        state, running, most = self._state, self._running, self._most
        home, create, on_done = state.home, self._loop.create_task, self._on_done
        while len(running) < most and (taken := state.take()) is not None:
            task = create(self._run_item(*taken), context=home.copy())
            running.add(task)
            task.add_done_callback(on_done, context=home)

    async def _run_item(self, index: int, args: tuple[Any, ...]) -> None:
        state = self._state
        try:
            state.results[index] = await state.await_item(index, args)
        except BaseException as error:  # noqa: BLE001 - kept, or raised by the group
            if not (self._cancelled and is_cancellation(error)):
                state.failed(index, error)

    def _on_done(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        state = self._state
        if state.has_failed:
            self._cancel()
        elif not state.stopped:
            self._start_items()
        if not self._running and not self._all_done.done():
            self._all_done.set_result(None)

    def _cancel(self) -> None:
        if self._cancelled:
            return
        self._cancelled = True
        for task in self._running:
            task.cancel()


class Ended:
    """Tells which of many asyncio tasks are over; `asyncio.wait` would look at all of them for each that ends."""

    def __init__(self) -> None:
        self._ended: list[asyncio.Task[Any]] = []
        self._any: asyncio.Future[None] | None = None

    def watch(self, task: asyncio.Task[Any]) -> None:
        """Tell when this one is over."""
        task.add_done_callback(self._note)

    async def wait(self) -> list[asyncio.Task[Any]]:
        """Wait until one is over that was not told of yet, and return all such, in the order in which they ended."""
        import asyncio

        if not self._ended:
            self._any = asyncio.get_running_loop().create_future()
            await self._any
        ended, self._ended = self._ended, []
        return ended

    def _note(self, task: asyncio.Task[Any]) -> None:
        self._ended.append(task)
        if self._any is not None and not self._any.done():
            self._any.set_result(None)
