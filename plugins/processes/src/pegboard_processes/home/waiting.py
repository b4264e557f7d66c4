"""Waiting in an event loop for what threads do."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from pegboard.parts.event_loop import running_loop

if TYPE_CHECKING:
    import asyncio


async def over(future: Future[Any], seconds: float | None = None) -> None:
    """Wait until a future is over, whatever becomes of it, so long at most; of its error nobody is told who does not look."""
    loop = running_loop()
    told: asyncio.Future[None] = loop.create_future()

    def tell(_: Future[Any]) -> None:
        try:
            loop.call_soon_threadsafe(_set, told)
        except RuntimeError:  # the loop is closed: who waited is gone
            pass

    future.add_done_callback(tell)
    timer = None if seconds is None else loop.call_later(seconds, _set, told)
    try:
        await told
    finally:
        if timer is not None:
            timer.cancel()


def _set(told: asyncio.Future[None]) -> None:
    if not told.done():
        told.set_result(None)
