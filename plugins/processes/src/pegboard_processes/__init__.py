"""Runs the functions of tasks in other processes: `On("processes")`, `Session(executor="processes")`."""

from __future__ import annotations

from pegboard_processes._plugin import Processes
from pegboard_processes.pool.starting import StartMethod

__all__ = ["Processes", "StartMethod"]
