"""Parts that plugins and exporters are built with. Each is loaded when it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pegboard.parts.forks import after_fork, new_held_rlock, new_lock, new_rlock

if TYPE_CHECKING:
    from pegboard.parts.background import Background, Reason
    from pegboard.parts.deadlines import time_for_end, time_for_work
    from pegboard.parts.periodic import Periodic
    from pegboard.parts.process_local import ProcessLocal

__all__ = [
    "Background",
    "Periodic",
    "ProcessLocal",
    "Reason",
    "after_fork",
    "new_held_rlock",
    "new_lock",
    "new_rlock",
    "time_for_end",
    "time_for_work",
]

_MODULES = {
    "Background": "background",
    "ProcessLocal": "process_local",
    "Periodic": "periodic",
    "Reason": "background",
    "time_for_end": "deadlines",
    "time_for_work": "deadlines",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
