"""A work item: a call that is to be made, and what has become of it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from contextvars import Context, ContextVar
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pegboard.clock import SYSTEM_CLOCK, Clock
from pegboard_queue._checks import arguments, name_or_none, whole
from pegboard_queue._errors import DependencyFailed, ItemCancelled, QueueError, illegal
from pegboard_queue.items.state import ENDED, TRANSITIONS, State
from pegboard_queue.items.work import as_task

if TYPE_CHECKING:
    import asyncio

    from pegboard import Call, Session, Task, TaskResult
    from pegboard_queue.manager.manager import TaskManager

T = TypeVar("T")

running_item: ContextVar[Item[Any] | None] = ContextVar("pegboard_queue_item", default=None)


class Item(Generic[T]):
    """A call that is to be made, with a name, a priority and a state; `TaskManager.submit` returns one.

    One made by hand is `pending`, for a `TaskQueue` or for `submit`; `execute` runs it where it is.

    Args:
        task: A task of any kind, a `Work`, or a plain function, which is made a task.
        args, kwargs: Its arguments.
        name: What errors and `depends_on` call it; the task's name by default, which several items may share.
        priority: A whole number. A `TaskManager` takes the highest first, a `TaskQueue` the lowest.

    Attributes:
        task, args, kwargs, name, priority: As given.
        dependencies: The items it depends on.
        created_at: When it was made, seconds since the Unix epoch, UTC.
        result: How the last call of the task went; None before, and when an exit or a cancellation ended it.
        manager: The manager it was submitted to, or None.
    """

    __slots__ = (
        "__weakref__",
        "_created",
        "_ended",
        "_state",
        "answered",
        "args",
        "began",
        "callbacks",
        "clock",
        "context",
        "created_at",
        "dependants",
        "dependencies",
        "failure",
        "handle",
        "hook_failures",
        "kwargs",
        "manager",
        "name",
        "named",
        "number",
        "parent",
        "place",
        "priority",
        "result",
        "session",
        "task",
        "unmet",
    )

    def __init__(
        self,
        task: Callable[..., Any],
        args: Iterable[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        name: str | None = None,
        priority: int = 0,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        made: Task[..., Any] = as_task(task)
        self.task = made
        self.args = arguments(args)
        self.kwargs: dict[str, Any] = {} if kwargs is None else dict(kwargs)
        self.named = name_or_none(name) is not None
        self.name: str = made.name if name is None else name
        self.priority = whole("priority", priority)
        self.clock = clock
        self.created_at = clock.time()
        self.result: TaskResult[T] | None = None
        self.dependencies: tuple[Item[Any], ...] = ()
        self._state = State.PENDING
        self._created = clock.monotonic()
        self._ended: float | None = None
        # For the manager:
        self.manager: TaskManager | None = None
        self.number = 0
        self.began: float | None = None
        self.failure: BaseException | None = None
        self.answered = False
        self.callbacks: list[Callable[[], object]] | None = None
        self.context: Context | None = None
        self.session: Session | None = None
        self.parent: Call | None = None
        self.unmet: set[Item[Any]] | None = None
        self.dependants: list[Item[Any]] | None = None
        self.place: object = None
        self.handle: asyncio.Task[Any] | None = None
        self.hook_failures: list[BaseException] | None = None

    def __repr__(self) -> str:
        return f"<Item {self.name} {self._state}>"

    def __await__(self) -> Generator[Any, None, T]:
        return self._managed().await_item(self).__await__()

    @property
    def id(self) -> str:
        """Unique among the items of a process; made of the manager's id and a number counted from 1."""
        return f"{'item' if self.manager is None else self.manager.id}-{self.number or id(self)}"

    @property
    def state(self) -> State:
        """Where it stands."""
        return self._state

    @property
    def is_cancelled(self) -> bool:
        """Whether it was cancelled; a function that runs long asks this of `current_item()` now and then."""
        return self._state is State.CANCELLED

    @property
    def value(self) -> T | None:
        """What the task returned; None unless it is completed."""
        return None if self.result is None else self.result.value

    @property
    def error(self) -> BaseException | None:
        """What made it fail, the very exception; of a skipped item a `DependencyFailed`; None otherwise."""
        return self.failure

    @property
    def attempts(self) -> int:
        """How often the function ran in the last call."""
        return 0 if self.result is None else self.result.attempts

    @property
    def started_at(self) -> float | None:
        """When it last began to run, seconds since the Unix epoch, UTC; None before."""
        return None if self.began is None else self.created_at + self.began - self._created

    @property
    def ended_at(self) -> float | None:
        """When it ended, as `started_at`."""
        return None if self._ended is None else self.created_at + self._ended - self._created

    @property
    def duration(self) -> float | None:
        """Seconds that it ran, or has been running so far; None before it starts."""
        if self.began is None:
            return None
        return (self.clock.monotonic() if self._ended is None else self._ended) - self.began

    def wait(self, timeout: float | None = None) -> T:
        """Wait for the end and return the value; see `TaskManager.wait`."""
        return self._managed().wait(self, timeout)

    def cancel(self) -> None:
        """Cancel it; see `TaskManager.cancel`."""
        if self.manager is None:
            self.move(State.CANCELLED)
        else:
            self.manager.cancel(self)

    def retry(self) -> None:
        """Run it again after it failed; see `TaskManager.retry`."""
        if self.manager is None and self._state is State.FAILED:
            raise QueueError(f"item {self.name!r} is in no manager: execute a new one.")
        if self.manager is None:
            raise illegal(self.name, self._state, State.READY)
        self.manager.retry(self)

    def pause(self) -> None:
        """Keep it from starting; see `TaskManager.pause`."""
        self._managed().pause(self)

    def resume(self) -> None:
        """Let it start again; see `TaskManager.resume`."""
        self._managed().resume(self)

    def add_dependency(self, on: Item[Any] | str) -> None:
        """Have it wait for another item too; see `TaskManager.add_dependency`."""
        self._managed().add_dependency(self, on)

    def remove_dependency(self, on: Item[Any] | str) -> None:
        """Wait for another item no longer; see `TaskManager.remove_dependency`."""
        self._managed().remove_dependency(self, on)

    def execute(self) -> T:
        """Run it here and now, and return the value or raise the task's own error; for an item without a manager.

        Raises:
            IllegalTransition: It has a manager, which runs it, or it ran already.
        """
        if self.manager is not None:
            raise illegal(self.name, self._state, State.RUNNING, "its manager runs it")
        self.move(State.READY)
        self.move(State.RUNNING)
        token = running_item.set(self)
        try:
            self.result = self.task.run(*self.args, **self.kwargs)
            self.failure = self.result.error
        except BaseException as error:
            self.failure = error
            raise
        finally:
            running_item.reset(token)
            if self._state is not State.CANCELLED:
                self.move(State.COMPLETED if self.failure is None else State.FAILED)
            self.answered = True
        return self.answer()

    # For the manager --------------------------------------------------------------------------------------------

    def move(self, new: State) -> State:
        """Change the state, if that is legal, and return the old one."""
        old = self._state
        if new not in TRANSITIONS[old]:
            raise illegal(self.name, old, new)
        self._state = new
        if new is State.RUNNING:
            if old is not State.RETRYING:
                self.began = self.clock.monotonic()
                self._ended = None
        elif new in ENDED:
            self._ended = self.clock.monotonic()
        return old

    def answer(self) -> T:
        """Return the value of an item that has ended, or raise its error."""
        if self._state is State.COMPLETED:
            return self.value  # type: ignore[return-value]
        if self._state is State.CANCELLED:
            raise ItemCancelled(f"item {self.name!r} was cancelled, so it has no value.", item=self.name)
        if isinstance(
            self.failure, DependencyFailed
        ):  # one of its own for each wait: it collects a traceback
            raise DependencyFailed(*self.failure.args, **vars(self.failure)) from self.failure.__cause__
        assert self.failure is not None  # noqa: S101 - failed items have one
        raise self.failure

    def _managed(self) -> TaskManager:
        if self.manager is None:
            raise QueueError(
                f"item {self.name!r} is in no manager.\nSubmit it, or run it here with item.execute()."
            )
        return self.manager


def current_item() -> Item[Any] | None:
    """Return the item that the running code belongs to, or None outside of any."""
    return running_item.get()
