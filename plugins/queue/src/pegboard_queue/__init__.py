"""A queue of work items with priorities, dependencies and ten states."""

from __future__ import annotations

from pegboard_queue._errors import (
    CyclicDependency,
    DependencyFailed,
    DuplicateItem,
    IllegalTransition,
    ItemCancelled,
    ManagerClosed,
    QueueError,
    QueueFull,
    UnknownItem,
)
from pegboard_queue._item import Item, current_item
from pegboard_queue._manager import TaskManager
from pegboard_queue._plugin import Queue
from pegboard_queue._state import ENDED, TRANSITIONS, State
from pegboard_queue._statistics import Statistics
from pegboard_queue._task_queue import TaskQueue
from pegboard_queue._work import Work

__all__ = [
    "ENDED",
    "TRANSITIONS",
    "CyclicDependency",
    "DependencyFailed",
    "DuplicateItem",
    "IllegalTransition",
    "Item",
    "ItemCancelled",
    "ManagerClosed",
    "Queue",
    "QueueError",
    "QueueFull",
    "State",
    "Statistics",
    "TaskManager",
    "TaskQueue",
    "UnknownItem",
    "Work",
    "current_item",
]
