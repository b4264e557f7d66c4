"""Maps whose functions run in other processes: in chunks where nothing has to have each call for itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pegboard.calls.time_limit import limit_in_force
from pegboard.places import THREADS, Place
from pegboard.running.in_loop import run_in_loop
from pegboard.running.on_threads import drain
from pegboard_processes.home.chunked_map import ChunkedMap
from pegboard_processes.home.quick_map import QuickMap

if TYPE_CHECKING:
    from pegboard.plans.plan import Plan
    from pegboard.running.map import Fanout


def goes_in_chunks(plan: Plan) -> bool:
    """Whether the calls of a plan may travel together: a layer has to have each for itself."""
    return (
        plan.place is not None
        and plan.task.kind == "function"
        and not plan.layers
        and limit_in_force.get() is None
    )


def map_remote(work: Fanout, concurrency: int | None) -> list[Any]:
    """Run a map on other processes, and return the results; see `Task.map`."""
    if goes_in_chunks(work.plan):
        _run_chunked(work, concurrency)
        return work.finish()
    # Each call for itself: as many threads as there are workers do all of it but the function.
    pool = work.group.session.place(THREADS)
    threads = Place(pool.name, pool.submit, work.place.workers, pool.executor)
    return drain(work, threads, work.size, concurrency)


def _run_chunked(work: Fanout, concurrency: int | None) -> None:
    """Run a map to its end; nothing of how it was run is left in the traceback of an error."""
    chunked = _chunked(work, concurrency)
    work.begin()
    try:
        chunked.run()
    except BaseException as error:  # noqa: BLE001 - Ctrl-C as it ended: the map raises it
        work.failed(len(work.results), error)


async def amap_remote(work: Fanout, concurrency: int | None) -> list[Any]:
    """Do what `map_remote` does, to be awaited."""
    if not goes_in_chunks(work.plan):
        return await run_in_loop(work, concurrency or 2 * work.place.workers)
    await _arun_chunked(work, concurrency)
    return work.finish()


async def _arun_chunked(work: Fanout, concurrency: int | None) -> None:
    """Do what `_run_chunked` does, in a thread."""
    import asyncio

    chunked = _chunked(work, concurrency)
    work.begin()
    running = asyncio.ensure_future(asyncio.to_thread(chunked.run))
    while not running.done():
        try:
            await asyncio.wait([running])
        except asyncio.CancelledError as error:
            chunked.abort(error)
    failure = running.exception()
    if failure is not None:  # there is no thread for it
        work.failed(len(work.results), failure)


def _chunked(work: Fanout, concurrency: int | None) -> ChunkedMap:
    watched = work.plan.watched or work.plan.events
    return ChunkedMap(work, concurrency) if watched else QuickMap(work, concurrency)
