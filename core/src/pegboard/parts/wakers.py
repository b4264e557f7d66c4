"""Waking a coroutine from any thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pegboard.parts.event_loop import running_loop

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable


def new_waker() -> tuple[asyncio.Future[None], Callable[[], bool]]:
    """Make something to await in the running event loop, and the function that ends that wait.

    The function may be called from any thread, any number of times, also after the wait was cancelled. It returns False
    where the event loop is closed: nobody waits there any more, so that what was meant for the waiter is another's.
    """
    loop = running_loop()
    woken: asyncio.Future[None] = loop.create_future()

    def wake() -> bool:
        try:
            loop.call_soon_threadsafe(end_wait, woken)
        except RuntimeError:
            return False
        return True

    return woken, wake


def end_wait(woken: asyncio.Future[None]) -> None:
    """End a wait, in the thread of its event loop; one that has ended, or was cancelled, is left alone."""
    if not woken.done():
        woken.set_result(None)
