"""Executors that a session may be given: `Session(executor=Processes(workers=4))`."""

from __future__ import annotations

from pegboard._remote.processes import Processes
from pegboard._remote.starting import StartMethod

__all__ = ["Processes", "StartMethod"]
