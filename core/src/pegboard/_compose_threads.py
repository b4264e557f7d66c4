"""What async code leaves to threads, and waits for whatever happens."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pegboard._running import finish_async, finish_in_thread

if TYPE_CHECKING:
    from pegboard._call import Call


async def finish_structured(call: Call) -> Any:
    """Finish a call, and when cancelled wait for the thread it may be running in."""
    if call.is_async:
        return await finish_async(call)
    return await in_thread(finish_in_thread, call)


async def in_thread(function: Callable[..., Any], *args: Any) -> Any:
    """Run a function in a thread, with this context; when cancelled, wait until it is over."""
    import asyncio

    running = asyncio.ensure_future(asyncio.to_thread(function, *args))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        while not running.done():
            try:
                await asyncio.wait([running])
            except asyncio.CancelledError:  # once more: the first one is on its way
                continue
        raise


def loop_runs_here() -> bool:
    """Whether an event loop runs in this thread, so that nothing async can be waited for in it."""
    import asyncio

    return asyncio._get_running_loop() is not None
