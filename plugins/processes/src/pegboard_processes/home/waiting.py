"""Waiting in an event loop for what threads do."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio


async def over(future: Future[Any]) -> None:
    """Wait until a future is over, whatever becomes of it; nobody is told of an error that is not looked at."""
    import asyncio

    loop = asyncio.get_running_loop()
    told: asyncio.Future[None] = loop.create_future()

    def tell(_: Future[Any]) -> None:
        try:
            loop.call_soon_threadsafe(_set, told)
        except RuntimeError:  # the loop is closed: who waited is gone
            pass

    future.add_done_callback(tell)
    await told


def _set(told: asyncio.Future[None]) -> None:
    if not told.done():
        told.set_result(None)
