"""Running a graph in an event loop: async nodes in the loop, the bodies of sync ones in threads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pegboard.running.in_loop import Ended

if TYPE_CHECKING:
    import asyncio

    from pegboard import Call
    from pegboard.running.open_group import OpenGroup
    from pegboard_flow.running.run import Run


async def run_async(run: Run) -> Any:
    """Run a graph to its end; stopped early, what still runs is cancelled and awaited before the error leaves."""
    try:
        return await _run(run)
    except BaseException as error:
        if run.saga is not None:
            await run.saga.aundo(error)
        raise


async def _run(run: Run) -> Any:
    async with run.open() as group:
        await _RunningNodes(run, group).run_all()
        group.value = value = run.finish()
        return value


class _RunningNodes:
    """The nodes of one run that run now."""

    def __init__(self, run: Run, group: OpenGroup) -> None:
        self._run = run
        self._group = group
        self._max_running = run.settings.concurrency or len(run.shape.nodes)
        self._running: dict[asyncio.Task[Any], tuple[int, Call | None]] = {}
        self._ended = Ended()

    async def run_all(self) -> None:
        self._start_ready()
        while self._running:
            for task in await self._ended.wait():
                await self._finish(*self._running.pop(task), task)
            self._start_ready()

    def _start_ready(self) -> None:
        run, walk = self._run, self._run.walk
        while walk.ready and len(self._running) < self._max_running:
            index = walk.take()
            args, kwargs = inputs = walk.inputs(index)
            call = run.make(self._group, index, inputs)
            if call is not None:
                task = self._group.start(call)
                run.begun(index, call, task)
            else:
                task = self._group.start(run.shape.nodes[index].task, *args, **kwargs)
            self._running[task] = (index, call)
            self._ended.watch(task)

    async def _finish(self, index: int, call: Call | None, task: asyncio.Task[Any]) -> None:
        run = self._run
        error = _error_of(task)
        if error is not None:
            run.fail(index, error)
            return
        run.succeeded(index, call, task)
        value = task.result()
        if index in run.shape.conditional:
            run.walk.succeed(index, value, await run.arefused(index, value))
        else:
            run.walk.succeed(index, value)


def _error_of(task: asyncio.Task[Any]) -> BaseException | None:
    import asyncio

    return asyncio.CancelledError() if task.cancelled() else task.exception()
