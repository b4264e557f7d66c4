"""The items of a group on an executor: workers that pull one after another, the caller being one of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pegboard._executors import INLINE

if TYPE_CHECKING:
    from concurrent.futures import Future

    from pegboard._compose_work import Work
    from pegboard._executors import Place


def drain(work: Work, place: Place, size: int | None, concurrency: int | None) -> list[Any]:
    """Run a group to its end from sync code, and return the results.

    The caller works too, so a group inside a group ends even when every thread of the pool waits in one.
    """
    work.begin()
    workers = min(place.workers, concurrency or place.workers, size if size is not None else place.workers)
    helpers: list[Future[Any]] = []
    try:
        if place.name != INLINE:
            helpers = [place.submit(_drain, work) for _ in range(workers - 1)]
        _drain(work)
    except BaseException as error:  # noqa: BLE001 - KeyboardInterrupt between two items
        work.failed(len(work.results), error)
    finally:
        _join(work, helpers)
    return work.finish()


def _drain(work: Work) -> None:
    while (pulled := work.pull()) is not None:
        index, args = pulled
        try:
            work.results[index] = work.context().run(work.finish_item, index, args)
        except BaseException as error:  # noqa: BLE001 - kept, or raised by the group
            work.failed(index, error)


def _join(work: Work, helpers: Sequence[Future[Any]]) -> None:
    """Wait until no helper runs; a second KeyboardInterrupt is kept for the group to raise."""
    waiting = [helper for helper in helpers if not helper.cancel()]
    while waiting:
        try:
            waiting.pop().exception()
        except BaseException as error:  # noqa: BLE001
            work.failed(len(work.results), error)
