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
from pegboard_queue._plugin import Queue
from pegboard_queue.items.item import Item, current_item
from pegboard_queue.items.state import ENDED, TRANSITIONS, State
from pegboard_queue.items.statistics import Statistics
from pegboard_queue.items.task_queue import TaskQueue
from pegboard_queue.items.work import Work
from pegboard_queue.manager.manager import TaskManager

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
