"""A work item: a call that is to be made, and what has become of it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from contextvars import ContextVar
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pegboard import Priority
from pegboard.clock import SYSTEM_CLOCK, Clock
from pegboard.parts import checks
from pegboard_queue._checks import arguments, dependencies_given, name_or_none
from pegboard_queue._errors import QueueError
from pegboard_queue.items.record import Record
from pegboard_queue.items.state import State, illegal
from pegboard_queue.items.work import as_task

if TYPE_CHECKING:
    from pegboard import Task, TaskResult
    from pegboard_queue.manager.manager import TaskManager

T = TypeVar("T")
PRIORITY = checks.whole()

running_item: ContextVar[Item[Any] | None] = ContextVar("pegboard_queue_item", default=None)


class Item(Generic[T]):
    """A call that is to be made, with a name, a priority and a state; `TaskManager.submit` returns one.

    One made by hand is `pending`, for a `TaskQueue` or for `submit`; `execute` runs it where it is.

    Args:
        task: A task of any kind, a `Work`, or a plain function, which is made a task.
        args, kwargs: Its arguments.
        name: What errors and `depends_on` call it; the task's name by default, which several items may share.
        priority: A whole number, by default the task's own, `@task(Priority(5))`, or 0; see `Item.priority`.
        depends_on: Items, and names or ids of items, that have to complete first; looked up when it is submitted.
        clock: What its times are read from; one that a manager makes has its session's.

    Attributes:
        args, kwargs: As given.
        created_at: When it was made, seconds since the Unix epoch, UTC.
    """

    __slots__ = ("__weakref__", "_record", "args", "created_at", "kwargs")

    def __init__(
        self,
        task: Callable[..., Any],
        args: Iterable[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        name: str | None = None,
        priority: int | None = None,
        depends_on: DependsOn = (),
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        made = as_task(task)
        self.args = arguments(args)
        self.kwargs: dict[str, Any] = {} if kwargs is None else dict(kwargs)
        first = Priority.of(made) if priority is None else PRIORITY.check("priority", priority)
        self.created_at = clock.time()
        self._record = Record(made, name_or_none(name), first, clock)
        if depends_on:
            self._record.wanted = dependencies_given(depends_on)

    def __repr__(self) -> str:
        return f"<Item {self.name} {self.state}>"

    def __await__(self) -> Generator[Any, None, T]:
        return self._managed().await_item(self).__await__()

    @property
    def id(self) -> str:
        """Unique among the items of all processes, and the same from its making to its end."""
        return f"{self._record.prefix}-{self._record.serial:x}"

    @property
    def name(self) -> str:
        """The name given, or the task's."""
        return self._record.name

    @property
    def task(self) -> Task[..., Any]:
        """What is called."""
        return self._record.task

    @property
    def manager(self) -> TaskManager | None:
        """The manager it was submitted to, or None."""
        return self._record.manager

    @property
    def priority(self) -> int:
        """Higher goes first, wherever items wait in line, and of equals the one that came first.

        Set, it gives an item that waits another place: in its manager, and in every `TaskQueue` that holds it.

        Raises:
            QueueError: When set on an item that waits no longer.
        """
        return self._record.priority

    @priority.setter
    def priority(self, value: int) -> None:
        record = self._record
        wanted = PRIORITY.check("priority", value)
        if record.control is not None:
            record.control.prioritize(self, wanted)
        else:
            refuse_started(record)
            record.priority = wanted
        for queue in record.queues or ():
            queue.replace(self)

    @property
    def dependencies(self) -> tuple[Item[Any], ...]:
        """The items it depends on; empty before it is submitted."""
        return self._record.dependencies

    @property
    def state(self) -> State:
        """Where it stands."""
        return self._record.state

    @property
    def is_cancelled(self) -> bool:
        """Whether it was cancelled; a function that runs long asks this of `current_item()` now and then."""
        return self._record.state is State.CANCELLED

    @property
    def result(self) -> TaskResult[T] | None:
        """How the last call of the task went; None before, and when an exit or a cancellation ended it."""
        return self._record.result

    @property
    def value(self) -> T | None:
        """What the task returned; None unless it is completed."""
        result = self._record.result
        return None if result is None else result.value

    @property
    def error(self) -> BaseException | None:
        """What made it fail, the very exception; of a skipped item a `DependencyFailed`; None otherwise."""
        return self._record.failure

    @property
    def attempts(self) -> int:
        """How often the function ran in the last call."""
        result = self._record.result
        return 0 if result is None else result.attempts

    @property
    def started_at(self) -> float | None:
        """When it last began to run, seconds since the Unix epoch, UTC; None before."""
        record = self._record
        return None if record.began is None else self.created_at + record.began - record.created

    @property
    def ended_at(self) -> float | None:
        """When it ended, as `started_at`."""
        record = self._record
        return None if record.ended is None else self.created_at + record.ended - record.created

    @property
    def duration(self) -> float | None:
        """Seconds that it ran, or has been running so far; None before it starts."""
        record = self._record
        if record.began is None:
            return None
        return (record.clock.monotonic() if record.ended is None else record.ended) - record.began

    def wait(self, timeout: float | None = None) -> T:
        """Wait for the end and return the value; see `TaskManager.wait`."""
        return self._managed().wait(self, timeout)

    def cancel(self) -> None:
        """Cancel it; see `TaskManager.cancel`."""
        if self.manager is None:
            self._record.move(State.CANCELLED)
        else:
            self.manager.cancel(self)

    def retry(self, *, dependants: bool = False) -> None:
        """Run it again after it failed; see `TaskManager.retry`."""
        if self.manager is None and self.state is State.FAILED:
            raise QueueError(f"item {self.name!r} is in no manager: execute a new one.")
        if self.manager is None:
            raise illegal(self.name, self.state, State.READY)
        self.manager.retry(self, dependants=dependants)

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
        record = self._record
        if record.manager is not None:
            raise illegal(record.name, record.state, State.RUNNING, "its manager runs it")
        _refuse_unmet(record)
        record.move(State.READY)
        record.move(State.RUNNING)
        token = running_item.set(self)
        try:
            record.result = record.task.run(*self.args, **self.kwargs)
            record.failure = record.result.error
        except BaseException as error:
            record.failure = error
            raise
        finally:
            running_item.reset(token)
            if record.state is not State.CANCELLED:
                record.move(State.COMPLETED if record.failure is None else State.FAILED)
        value: T = record.value()
        return value

    def _managed(self) -> TaskManager:
        manager = self._record.manager
        if manager is None:
            raise QueueError(
                f"item {self.name!r} is in no manager.\nSubmit it, or run it here with item.execute()."
            )
        return manager


DependsOn = Iterable[Item[Any] | str] | Item[Any] | str


def _refuse_unmet(record: Record) -> None:
    for each in record.wanted:
        if isinstance(each, str) or each.state is not State.COMPLETED:
            name = each if isinstance(each, str) else each.name
            raise QueueError(
                f"item {record.name!r} depends on {name!r}, which has not completed as far as is known here.\n"
                f"Submit both to a TaskManager, which finds items by name and waits for them."
            )


def checked_items(given: Iterable[object]) -> list[Item[Any]]:
    """Return items as a list.

    Raises:
        TypeError: One of them is something else.
    """
    items = [each for each in given if isinstance(each, Item)]
    for position, each in enumerate(given):
        if not isinstance(each, Item):
            raise TypeError(
                f"a list that is submitted holds items, and position {position} is of type {type(each).__name__}.\n"
                f"Make one of it: Item(task, args, name=..., depends_on=...)."
            )
    return items


def refuse_started(record: Record) -> None:
    """Refuse to give an item another priority that waits no longer.

    Raises:
        QueueError: Its priority decides nothing any more.
    """
    if record.state not in _WAITS:
        raise QueueError(
            f"item {record.name!r} is {record.state}, so another priority would change nothing.\n"
            f"Set it while the item waits: {', '.join(sorted(_WAITS))}."
        )


_WAITS = (State.PENDING, State.WAITING, State.READY, State.PAUSED)


def rank(item: Item[Any]) -> int:
    """Return what items in line are sorted by, the smallest first: the higher priority goes first."""
    return -record_of(item).priority


record_of: Callable[[Item[Any]], Record] = attrgetter("_record")
"""Return the record of an item, for what runs it; in C, as every step on an item's way asks for it."""


def current_item() -> Item[Any] | None:
    """Return the item that the running code belongs to, or None outside of any."""
    return running_item.get()
