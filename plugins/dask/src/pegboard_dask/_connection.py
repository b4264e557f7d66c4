"""A session's connection to a cluster, from its beginning to its end."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from pegboard_dask._reaching import reach
from pegboard_dask._starting import start_cluster
from pegboard_dask._versions import mismatch
from pegboard_dask._worker import SessionsOnWorker

if TYPE_CHECKING:
    from distributed import LocalCluster

    from pegboard_dask._settings import Settings


class Connection:
    """A client, the cluster where it is our own, and a plugin on its workers that ends what we opened there.

    Args:
        settings: Which cluster.

    Attributes:
        id: Unique among connections.
        client: The client.
        pending: What has been submitted and not come back.

    Raises:
        ClusterUnreachable, ClusterMismatch: There is no cluster to work with, and nothing is left running.
    """

    def __init__(self, settings: Settings) -> None:
        self.id = os.urandom(6).hex()
        self.pending: set[Future[Any]] = set()
        self._timeout = settings.timeout
        self._cluster: LocalCluster | None = None
        self._is_ours = settings.client is None
        self.client: Any  # distributed leaves half of its methods without types
        if settings.client is not None:
            self.client = settings.client
        elif settings.address is not None:
            self.client = reach(settings.address, settings.made_security(), settings.timeout)
        else:
            self._cluster, self.client = start_cluster(settings)
        self._plugin = SessionsOnWorker(self.id)
        try:
            self._greet_workers()
        except BaseException:
            self.close()
            raise

    @property
    def threads(self) -> int:
        """How many functions the cluster runs at once; at least 1, as it may yet grow."""
        workers = self.client.scheduler_info()["workers"].values()
        threads: int = sum(worker["nthreads"] for worker in workers)
        return max(threads, 1)

    def start(self, coroutine: Coroutine[Any, Any, Any]) -> Future[Any]:
        """Run a coroutine in the client's event loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.client.loop.asyncio_loop)

    def ask(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine in the client's event loop, and wait for it as long as may be waited.

        Raises:
            TimeoutError: It took too long, and was cancelled.
        """
        asked = self.start(asyncio.wait_for(coroutine, self._timeout))
        return asked.result()

    def close(self) -> None:
        """Drop what is still out, end our sessions on the workers, and what we started. What fails is logged."""
        for future in list(self.pending):
            future.cancel()
        try:
            self.ask(self._leave_workers())
        except Exception as error:  # noqa: BLE001 - a cluster that is gone needs no goodbye
            logging.getLogger("pegboard").warning(
                "the workers of a Dask cluster could not be told that a session ended: %s",
                type(error).__name__,
            )
        if self._is_ours:
            self.client.close(timeout=self._timeout)
        if self._cluster is not None:
            self._cluster.close(timeout=self._timeout)

    def _greet_workers(self) -> None:
        try:
            self.ask(self._register())
        except ImportError as error:
            raise mismatch(error.name or "pegboard-dask", "installed", None, None) from error

    async def _register(self) -> None:
        await self.client.register_plugin(self._plugin)

    async def _leave_workers(self) -> None:
        await self.client.unregister_worker_plugin(self._plugin.name)
