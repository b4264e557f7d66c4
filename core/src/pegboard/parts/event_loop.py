"""The event loop that async code waits in, which is asyncio's."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from pegboard.errors import NeedsAsyncio

if TYPE_CHECKING:
    import asyncio


def running_loop() -> asyncio.AbstractEventLoop:
    """Return the event loop that runs in this thread.

    Raises:
        NeedsAsyncio: None of asyncio's does.
    """
    import asyncio

    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        library = _library_here()
    where = f"this runs under {library}" if library else "none runs here"
    raise NeedsAsyncio(
        f"Pegboard waits in asyncio's event loop, and {where}.\n"
        f"Run async code with asyncio.run(...), or with anyio on its backend 'asyncio'. Sync tasks run anywhere: elsewhere, "
        f"call one in a thread, as with trio.to_thread.run_sync(task, ...).",
        library=library,
    )


def _library_here() -> str:
    sniffio: Any = sys.modules.get("sniffio")  # trio, curio and anyio bring it
    try:
        return "" if sniffio is None else str(sniffio.current_async_library())
    except sniffio.AsyncLibraryNotFoundError:
        return ""
