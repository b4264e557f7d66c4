"""Runs tasks on a Dask cluster, with their traces and measurements."""

from __future__ import annotations

from pegboard_dask._errors import ClusterLost, ClusterMismatch, ClusterUnreachable, DaskError
from pegboard_dask._plugin import Dask

__all__ = ["ClusterLost", "ClusterMismatch", "ClusterUnreachable", "Dask", "DaskError"]
