"""A worker whose parent died: nobody waits for it, and a function that never ends would keep it for ever."""

from __future__ import annotations

import os
import select
import threading
import time

from pegboard._remote.progress import HERE

_GRACE_SECONDS = 0.5


def end_with(descriptor: int) -> None:
    """End this process when the other side of a connection is gone: after the item at work, or half a second."""
    threading.Thread(target=_watch, args=(descriptor,), name="pegboard-parent", daemon=True).start()


def _watch(descriptor: int) -> None:
    poll = select.poll()
    poll.register(descriptor, 0)  # told of its end, not of what arrives
    poll.poll()
    HERE.leaving = True
    time.sleep(_GRACE_SECONDS)
    os._exit(1)
