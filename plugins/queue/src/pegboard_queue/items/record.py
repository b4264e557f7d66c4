"""What becomes of an item: its state and times, and what its manager has to know of it."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from contextvars import Context
from typing import TYPE_CHECKING, Any

from pegboard.parts import after_fork
from pegboard_queue._errors import DependencyFailed, ItemCancelled
from pegboard_queue.items.state import ENDED, TRANSITIONS, State, illegal

if TYPE_CHECKING:
    import asyncio
    from weakref import WeakSet

    from pegboard import Call, Session, Task, TaskResult
    from pegboard.clock import Clock
    from pegboard.parts.stopping import Stop
    from pegboard_queue.items.item import Item
    from pegboard_queue.items.task_queue import TaskQueue
    from pegboard_queue.manager.control import Control
    from pegboard_queue.manager.manager import TaskManager
    from pegboard_queue.running.line import Line


class _Ids:
    """What the ids of this process begin with; a forked child counts on from the same number, and so has another."""

    def __init__(self) -> None:
        self.renew()
        after_fork(self.renew)

    def renew(self) -> None:
        self.prefix = os.urandom(4).hex()


_ids = _Ids()
_next_serial = itertools.count(1).__next__


class Record:
    """Kept with each item and written by whoever runs it; an `Item` shows of it what is its users'.

    Attributes:
        name, task: The item's.
        prefix, serial: What its id is made of: one for the process, and a number counted from 1.
        is_async: Whether the task runs in an event loop.
        has_own_name: Whether the name was given, and not taken from the task.
        clock: What its times are read from.
        state: Where it stands; changed by `move` alone.
        result: How the last call of the task went.
        failure: What made it fail, or be skipped.
        created: When it was made, in the clock's monotonic seconds; and so are the next two.
        began: When it last began to run.
        ended: When it ended.
        priority: Higher goes first.
        wanted: Items, and names of items, that it was made to depend on.
        queues: The `TaskQueue`s that it is in.
        dependencies: The items it depends on.
        manager: The manager it was submitted to; none of the attributes below is used without one.
        control: What changes the manager's items.
        number: In the order of submission, from 1.
        session, parent_call, context: Where it was submitted, and so where it runs.
        parent: The item that submitted it; None outside of any.
        stop: Ends what the task waits for, once the item is cancelled; None for a coroutine, which is cancelled itself.
        line: Who measures how long it waits in line; None where nobody measures.
        ready_since: When it last became ready, if somebody measures.
        awaited: The items that its task waits for at this moment, as often as it does.
        unmet: Those of its dependencies that have not completed.
        dependants: The items that wait for it.
        ready_entry: Its entry among the ready items; an entry that is not this one counts no more.
        asyncio_task: What its coroutine runs in.
        is_done: Whether it has ended, and observers were told: those who wait for it go on.
        done_callbacks: Called then, once.
        hook_failures: What observers of its changes raised, for the session that asks for it.
    """

    __slots__ = (
        "asyncio_task",
        "awaited",
        "began",
        "clock",
        "context",
        "control",
        "created",
        "dependants",
        "dependencies",
        "done_callbacks",
        "ended",
        "failure",
        "has_own_name",
        "hook_failures",
        "is_async",
        "is_done",
        "line",
        "manager",
        "name",
        "number",
        "parent",
        "parent_call",
        "prefix",
        "priority",
        "queues",
        "ready_entry",
        "ready_since",
        "result",
        "serial",
        "session",
        "state",
        "stop",
        "task",
        "unmet",
        "wanted",
    )

    def __init__(self, task: Task[..., Any], name: str | None, priority: int, clock: Clock) -> None:
        self.task = task
        self.prefix = _ids.prefix
        self.serial = _next_serial()
        self.priority = priority
        self.wanted: tuple[Item[Any] | str, ...] = ()
        self.queues: WeakSet[TaskQueue] | None = None
        self.stop: Stop | None = None
        self.line: Line | None = None
        self.ready_since = 0.0
        self.awaited: list[Item[Any]] | None = None
        self.name: str = task.name if name is None else name
        self.is_async = task.kind in ("coroutine", "async_generator")
        self.has_own_name = name is not None
        self.clock = clock
        self.state = State.PENDING
        self.result: TaskResult[Any] | None = None
        self.failure: BaseException | None = None
        self.created = clock.monotonic()
        self.began: float | None = None
        self.ended: float | None = None
        self.dependencies: tuple[Item[Any], ...] = ()
        self.manager: TaskManager | None = None
        self.control: Control | None = None
        self.number = 0
        self.session: Session | None = None
        self.parent_call: Call | None = None
        self.parent: Item[Any] | None = None
        self.context: Context | None = None
        self.unmet: set[Item[Any]] | None = None
        self.dependants: list[Item[Any]] | None = None
        self.ready_entry: object = None
        self.asyncio_task: asyncio.Task[Any] | None = None
        self.is_done = False
        self.done_callbacks: list[Callable[[], object]] | None = None
        self.hook_failures: list[BaseException] | None = None

    def move(self, new: State) -> State:
        """Change the state, if that is legal, and return the old one."""
        old = self.state
        if new not in TRANSITIONS[old]:
            raise illegal(self.name, old, new)
        if new is State.RUNNING:
            if old is not State.RETRYING:
                self.began, self.ended = self.clock.monotonic(), None
        elif new in ENDED:
            self.ended = self.clock.monotonic()
        self.state = new
        return old

    def let_go(self) -> None:
        """Let go of the items around it."""
        if self.state in ENDED:
            self.dependants = self.unmet = None

    def value(self) -> Any:
        """Return the value of an item that has ended, or raise its error."""
        if self.state is State.COMPLETED:
            return None if self.result is None else self.result.value
        if self.state is State.CANCELLED:
            raise ItemCancelled(f"item {self.name!r} was cancelled, so it has no value.", item=self.name)
        if isinstance(self.failure, DependencyFailed):
            # One of its own for each wait: it collects a traceback.
            raise DependencyFailed(*self.failure.args, **vars(self.failure)) from self.failure.__cause__
        assert self.failure is not None  # noqa: S101 - failed items have one
        raise self.failure
