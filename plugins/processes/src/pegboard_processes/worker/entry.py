"""Where a parcel arrives.

The sender names this function, and a worker loads what is behind it: sessions, stand-ins, scopes.
"""

from __future__ import annotations

import functools
import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pegboard_processes.wire.parcels import Parcel, Reply


@functools.cache
def load() -> None:
    """Load it here, so that a pool which forks this process finds it loaded."""
    importlib.import_module("pegboard_processes.worker.work")


def work(parcel: Parcel) -> Reply:
    """Run the items of a parcel, in the process that this is called in."""
    reply: Reply = importlib.import_module("pegboard_processes.worker.work").work(parcel)
    return reply
