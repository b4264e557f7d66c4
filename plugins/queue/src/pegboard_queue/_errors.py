"""What goes wrong with a queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pegboard import PegboardError

if TYPE_CHECKING:
    from pegboard_queue.items.state import State


class QueueError(PegboardError):
    """Base of the errors of queues, and raised for a wait that could never end."""


class IllegalTransition(QueueError, ValueError):  # noqa: N818 - as the core names its errors
    """Raised when an item is asked for a change that its state does not allow; nothing was changed.

    Attributes:
        item: Name of the item.
        state: The state it is in.
        wanted: The state it was to get.
    """

    item: str
    state: State
    wanted: State


class UnknownItem(QueueError, LookupError):  # noqa: N818
    """Raised when a manager knows no item of a name or id, or several of one name.

    Attributes:
        wanted: The name or id.
    """

    wanted: str


class DuplicateItem(QueueError, ValueError):  # noqa: N818
    """Raised when an item is submitted under a name that another one has, which has not ended.

    Attributes:
        item: The name.
    """

    item: str


class CyclicDependency(QueueError, ValueError):  # noqa: N818
    """Raised when an item would depend on itself, directly or through others.

    Attributes:
        path: Names from the item back to itself, in the order in which they would run: each has to end before the next.
    """

    path: tuple[str, ...]


class DependencyFailed(QueueError):  # noqa: N818
    """The error of an item that was skipped; its `__cause__` is the error of the item that failed first.

    Attributes:
        item: Name of the item that was skipped.
        dependency: Name of the item that ended it, the first in the chain.
        state: How that one ended: `failed` or `cancelled`.
    """

    item: str
    dependency: str
    state: State


class ItemCancelled(QueueError):  # noqa: N818
    """Raised by a wait for an item that was cancelled.

    Attributes:
        item: Name of the item.
    """

    item: str


class ManagerClosed(QueueError, RuntimeError):  # noqa: N818
    """Raised when work is given to a manager that has been closed, or in a session that drains."""


class QueueFull(QueueError):  # noqa: N818
    """Raised when an item is put in a queue that holds as many as it may.

    Attributes:
        max_size: How many that is.
    """

    max_size: int
