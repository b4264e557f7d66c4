"""The items of a group as asyncio tasks: so many at once, cancelled and awaited when it stops early."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio

    from pegboard.running.work import Work


async def fly(work: Work, most: int) -> list[Any]:
    """Run a group to its end from async code, `most` items at once, and return the results."""
    flight = _Flight(work, most)
    work.begin()
    try:
        await flight.run()
    except GeneratorExit as error:
        work.failed(len(work.results), error)
    return work.finish()


class _Flight:
    """The asyncio tasks of one group.

    Inputs are taken and landings are told in the group's own context, by one thread: no lock, and no context to be
    made for each of it.
    """

    def __init__(self, work: Work, most: int) -> None:
        import asyncio

        self._loop = asyncio.get_running_loop()
        self._work = work
        self._most = most
        self._running: set[asyncio.Task[Any]] = set()
        self._cancelled = False
        self._landed: asyncio.Future[None] = self._loop.create_future()

    async def run(self) -> None:
        self._work.home.run(self._launch)
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
        work, running, most = self._work, self._running, self._most
        home, create, land = work.home, self._loop.create_task, self._land
        while len(running) < most and (taken := work.take()) is not None:
            task = create(self._fly(*taken), context=home.copy())
            running.add(task)
            task.add_done_callback(land, context=home)

    async def _fly(self, index: int, args: tuple[Any, ...]) -> None:
        work = self._work
        try:
            work.results[index] = await work.await_item(index, args)
        except BaseException as error:  # noqa: BLE001 - kept, or raised by the group
            if not (self._cancelled and is_cancellation(error)):
                work.failed(index, error)

    def _land(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        work = self._work
        if work.has_failed:
            self._cancel()
        elif not work.stopped:
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
