"""A cluster of a session's own: processes on this machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from distributed import Client, LocalCluster

from pegboard_dask._errors import ClusterUnreachable

if TYPE_CHECKING:
    from pegboard_dask._settings import Settings

_make_cluster: Any = LocalCluster  # distributed leaves half of its functions without types
_make_client: Any = Client


def start_cluster(settings: Settings) -> tuple[LocalCluster, Client]:
    """Start a scheduler and workers on loopback, without a dashboard.

    Raises:
        ClusterUnreachable: They did not start.
    """
    try:
        cluster: LocalCluster = _make_cluster(
            n_workers=settings.workers or _usable_processors(),
            threads_per_worker=settings.threads,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",  # where nothing but its health is served
            scheduler_kwargs={"dashboard": False},
            security=settings.made_security(),
        )
    except Exception as error:
        raise ClusterUnreachable(
            f"a Dask cluster on this machine did not start: {type(error).__name__}: {error}\n"
            f"If its processes stopped at once: they import the main script, whose doings belong under "
            f"`if __name__ == '__main__':`.",
            address=None,
            timeout=settings.timeout,
        ) from error
    try:
        return cluster, _make_client(cluster, timeout=settings.timeout, set_as_default=False)
    except BaseException:
        cluster.close()
        raise


def _usable_processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
