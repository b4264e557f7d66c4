"""What runs on the cluster's workers."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Any

from distributed import Worker, WorkerPlugin

from pegboard.parts import new_lock
from pegboard_dask._versions import check_versions, versions
from pegboard_processes.engine import Run, end_session, loads

_STOPPED_MOST = 10_000


class _Work:
    """What this process has been given."""

    def __init__(self) -> None:
        self.guard = new_lock()
        self.runs: dict[str, Run] = {}
        self.stopped: OrderedDict[str, None] = OrderedDict()
        self.sessions: dict[str, set[str]] = {}


_WORK = _Work()


def run(connection: str, session: str, ticket: str, payload: bytes) -> Any:
    """Run a pickled `(function, args, kwargs)`, unless it was stopped before it came here."""
    at_work = Run()
    with _WORK.guard:
        _WORK.sessions.setdefault(connection, set()).add(session)
        _WORK.runs[ticket] = at_work
        if ticket in _WORK.stopped:
            at_work.stop()
    try:
        function, args, kwargs = loads(payload)
        return at_work(function, *args, **kwargs)
    finally:
        with _WORK.guard:
            _WORK.runs.pop(ticket, None)


def stop(ticket: str) -> bool:
    """Have a run leave out what it has not begun, now or when it comes; whether it is at work here."""
    with _WORK.guard:
        _WORK.stopped[ticket] = None
        while len(_WORK.stopped) > _STOPPED_MOST:
            _WORK.stopped.popitem(last=False)
        at_work = _WORK.runs.get(ticket)
    if at_work is not None:
        at_work.stop()
    return at_work is not None


class SessionsOnWorker(WorkerPlugin):
    """Ends what a connection opened on a worker, when the connection or the worker ends.

    Args:
        connection: Which one.
    """

    def __init__(self, connection: str) -> None:
        self.name = f"pegboard-{connection}"
        self.connection = connection
        self.versions = versions()

    def setup(self, worker: Worker) -> None:
        """Refuse a worker of other versions.

        Raises:
            ClusterMismatch: Python or Pegboard are others there.
        """
        check_versions(self.versions, versions(), worker.address)

    async def teardown(self, worker: Worker) -> None:  # noqa: ARG002 - Dask's names
        """End the sessions, beside the worker's event loop: exporters may wait for somebody who listens."""
        with _WORK.guard:
            sessions = _WORK.sessions.pop(self.connection, set())
        for session in sessions:
            await asyncio.to_thread(end_session, session)
