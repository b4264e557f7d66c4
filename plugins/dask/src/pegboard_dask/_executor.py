"""The executor that a session gets: it hands functions to the cluster and brings home what becomes of them."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import TYPE_CHECKING, Any

from distributed import KilledWorker

from pegboard_dask import _worker
from pegboard_dask._errors import ClusterLost, WorkerKilled
from pegboard_processes.engine import dumps

if TYPE_CHECKING:
    from pegboard_dask._connection import Connection


class _Submission:
    """A function on its way: where it is, and who waits for it."""

    __slots__ = ("future", "promise", "ticket")

    def __init__(self, ticket: str, promise: Any) -> None:
        self.ticket = ticket
        self.promise = promise
        self.future: Future[Any] = Future()


class DaskExecutor(Executor):
    """Runs functions on the workers of a cluster.

    A worker that dies has its functions run again on another, so often as the cluster's `allowed-failures` says; then they
    fail. A function that has begun cannot be interrupted: who cancels it does not wait for it, and a map's chunk ends
    with the item at work.

    Args:
        connection: The cluster.
        session: Id of the session whose functions these are.

    Attributes:
        workers: How many functions run at once.
    """

    def __init__(self, connection: Connection, session: str) -> None:
        self._connection = connection
        self._session = session
        self._submissions: dict[Future[Any], _Submission] = {}
        self.workers = connection.threads

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run a function on a worker, as `concurrent.futures.Executor.submit`.

        Raises:
            Exception: Whatever says that it cannot be pickled, or that the client is closed.
        """
        ticket = os.urandom(12).hex()
        promise = self._connection.client.submit(
            _worker.run,
            self._connection.id,
            self._session,
            ticket,
            dumps((fn, args, kwargs)),
            key=f"pegboard-{ticket}",
            pure=False,
        )
        submission = _Submission(ticket, promise)
        self._submissions[submission.future] = submission
        self._connection.pending.add(submission.future)
        submission.future.add_done_callback(self._over)
        self._connection.start(self._bring(submission))
        return submission.future

    def kill(self, future: Future[Any]) -> None:
        """Have nobody wait for a future any more; on the cluster it is cancelled, or ends with the item at work."""
        future.cancel()

    def stop(self, future: Future[Any]) -> None:
        """Have the worker of a map's chunk answer when the item at work is over; cancel it where none has begun."""
        submission = self._submissions.get(future)
        if submission is not None:
            self._connection.start(self._stop(submission))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Wait for what is out; the connection is its session's, and stays open."""
        from concurrent.futures import wait as wait_for

        mine = list(self._submissions)
        if cancel_futures:
            for future in mine:
                future.cancel()
        if wait:
            wait_for(mine)

    async def _bring(self, submission: _Submission) -> None:
        error: BaseException | None = None
        value = None
        try:
            value = await submission.promise
        except BaseException as raised:  # noqa: BLE001 - whoever waits is told
            error = raised
        if not submission.future.set_running_or_notify_cancel():
            return
        submission.promise.release()
        if error is None:
            submission.future.set_result(value)
        else:
            submission.future.set_exception(_lost(error))

    def _over(self, future: Future[Any]) -> None:
        self._connection.pending.discard(future)
        submission = self._submissions.pop(future, None)
        if submission is not None and future.cancelled():
            self._connection.start(self._drop(submission))

    async def _stop(self, submission: _Submission) -> None:
        if not await self._tell_workers(submission) and not submission.promise.done():
            submission.future.cancel()

    async def _drop(self, submission: _Submission) -> None:
        if not submission.promise.done():
            await self._tell_workers(submission)
        await submission.promise.cancel()

    async def _tell_workers(self, submission: _Submission) -> bool:
        """Ask all workers to leave the rest of an submission; whether one of them is at it."""
        try:
            answers = await self._connection.client.run(_worker.stop, submission.ticket, on_error="ignore")
        except Exception as error:  # noqa: BLE001 - without the scheduler, nobody works for it any more
            logging.getLogger("pegboard").warning(
                "workers of a Dask cluster could not be told to stop: %s", type(error).__name__
            )
            return False
        return any(answers.values())


def _lost(error: BaseException) -> BaseException:
    """Say in our words that the cluster let go of a function."""
    if isinstance(error, KilledWorker):
        died = WorkerKilled(str(error))
        died.__cause__ = error
        return died
    is_engines = type(error).__module__.partition(".")[0] == "distributed"  # others may have a reason, too
    reason = getattr(error, "reason", None) if is_engines else None
    if isinstance(error, Exception) and reason is None:
        return error
    lost = ClusterLost(
        f"the Dask cluster let go of a function before it answered ({reason or type(error).__name__}): its scheduler ended or was "
        f"restarted, or somebody cancelled the work there.\nWhether the function had its effects is not known.",
        reason=reason or type(error).__name__,
    )
    lost.__cause__ = error
    return lost
