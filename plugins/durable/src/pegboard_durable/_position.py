"""Where in a run the running code is: the key of what it does next, and what it keeps until something is written."""

from __future__ import annotations

import re
import threading
import weakref
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from pegboard import current_call
from pegboard.parts.awaiting import loop_runs_here
from pegboard.records import NODE
from pegboard_durable._errors import NotInRun, TransactionMisused
from pegboard_durable._records import Step, StepKind, StepStatus

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator, Sequence

    from pegboard import Call, Group
    from pegboard_durable._execution import Execution
    from pegboard_durable._transaction import StepTransaction

Counts = dict[str, int]
_WRITERS = frozenset(("sleep", "asleep", "pause", "apause", "checkpointed"))
_NAMED_GROUPS = ("graph", "workflow")  # the others are called after what they call


class Position:
    """Where the code of one step, or of the run itself, is.

    What was counted is set back where a call around it begins another attempt, so that its steps have the keys of the first.

    Attributes:
        execution: The run.
        scope: Key of the step; empty for the run itself.
        call: The call of the step.
        around: Attempts of the calls around that one, the run's first.
        is_undo: Whether something is taken back here, in a run that begins nothing else any more.
        transaction: In which the step's outcome will be committed; None as long as nobody asked for it.
        home: Where its code runs, as `here` tells; None in a run of which all that is recorded was read.
    """

    def __init__(
        self,
        execution: Execution,
        scope: str,
        call: Call,
        around: tuple[int, ...] = (),
        *,
        is_undo: bool = False,
    ) -> None:
        self.execution = execution
        self.is_undo = is_undo
        self.home = here() if execution.has_unread else None
        self.scope = scope
        self.call = call
        self.around = around
        self._attempt = 0
        self._counts: Counts = {}
        self._lanes: weakref.WeakKeyDictionary[Group, dict[object, Counts]] = weakref.WeakKeyDictionary()
        self._labels: weakref.WeakKeyDictionary[Group, str] = weakref.WeakKeyDictionary()
        self._begun: weakref.WeakKeyDictionary[Call, tuple[int, Counts]] = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()
        self._buffer: list[Step] = []
        self.transaction: StepTransaction | None = None
        self._writing = threading.Lock()

    def key_of_call(self, call: Call, name: str) -> str:
        """Name a step: by its index in a map, else by how many of its name there were before it."""
        with self._lock:
            inside, counts = self._enter(call.parent)
            group = call.group
            if group is not None and group in self._labels and (at := _place_of(call)) is not None:
                here = _join(inside, f"{self._labels[group]}[{at}]")
                if group.kind == "map":
                    return here
                inside, counts = here, self._lanes[group].setdefault(at, {})
            return _join(inside, _counted(counts, name))

    def key(self, name: str) -> str:
        """Name what is recorded and no call."""
        with self._lock:
            inside, counts = self._enter(current_call())
            return _join(inside, _counted(counts, name))

    def begin_group(self, group: Group) -> None:
        """Name a group, for the keys of what is called in it."""
        with self._lock:
            _, counts = self._enter(group.parent)
            label = escaped(group.name) if group.kind == "map" else group.kind
            if group.kind in _NAMED_GROUPS:
                label = f"{group.kind}:{escaped(group.name)}"
            count = _count(counts, f"@{label}")
            self._labels[group] = label if count == 1 else f"{label}#{count}"
            self._lanes[group] = {}
            group.wants_names = group.kind in _NAMED_GROUPS

    def attempts(self, call: Call | None) -> tuple[int, ...]:
        """Tell the attempts of the calls that a call of this position was made in: `call` is the innermost of them."""
        if call is self.call:
            return (*self.around, call.attempt or 1)
        return (*self.around, *(each.attempt or 1 for each in self._down_to(call)))

    def contains(self, call: Call) -> bool:
        """Whether something was recorded in a call."""
        return call in self._begun

    def _down_to(self, call: Call | None) -> list[Call]:
        """The calls from the position's own to this one."""
        found = []
        while call is not None and call is not self.call:
            found.append(call)
            call = call.parent
        found.append(self.call)
        found.reverse()
        return found

    def _enter(self, call: Call | None) -> tuple[str, Counts]:
        """Return the scope of what a call does, and the counts in it."""
        inside, counts = self.scope, self._counts
        if call is self.call and not _ITEMS.get():
            self._count_own_anew()
            return inside, counts
        for each in self._down_to(call):
            group = each.group
            if each is not self.call and group is not None and group in self._labels:
                at = _place_of(each)
                if at is not None:
                    inside = _join(inside, f"{self._labels[group]}[{at}]")
                    counts = self._lanes[group].setdefault(at, {})
            if each is self.call:
                self._count_own_anew()
            else:
                self._count_anew(each, counts)
            for item in _open_items(self, each):
                inside, counts = item.at, item.counts
        return inside, counts

    def _count_own_anew(self) -> None:
        """Begin the counts of the position's own call anew, if this is another attempt of it."""
        attempt = self.call.attempt or 1
        if attempt != self._attempt:
            self._attempt = attempt
            self._counts.clear()

    def _count_anew(self, call: Call, counts: Counts) -> None:
        """Set the counts back to what they were when the call began, if this is another attempt of it."""
        attempt, begun = call.attempt or 1, self._begun.get(call)
        if begun is None:
            self._begun[call] = (attempt, counts.copy())
        elif begun[0] != attempt:
            counts.clear()
            counts.update(begun[1])
            self._begun[call] = (attempt, begun[1])

    # What is kept until something is written.

    def buffer(self, step: Step) -> None:
        """Keep a row that is written with the next step of this position, or before the next body begins."""
        with self._lock:
            self._buffer = [each for each in self._buffer if each.key != step.key]
            self._buffer.append(step)
            self.execution.note(step)

    def write(self, *steps: Step) -> None:
        """Record what is kept, and these, in one transaction."""
        if not self._buffer:
            self.execution.write(steps)
            return
        with self._writing:
            self.execution.write((*self.taken(), *steps))

    def writing(self, call: Call, *steps: Step) -> Awaitable[None]:
        """Do what `write` does: `await position.writing(call, ...)`, in a sync call or an async one."""
        return (
            self.execution.io(call, self.write, *steps)
            if self._buffer
            else self.execution.writing(call, steps)
        )

    @property
    def has_unwritten(self) -> bool:
        """Whether something is kept, or just on its way to the journal."""
        return bool(self._buffer) or self._writing.locked()

    def settle(self) -> None:
        """Return when nothing is kept, nor on its way: what the code hands out from now on is the same after a crash."""
        with self._writing:  # also that which another lane has taken
            taken = self.taken()
            if taken or self.execution.has_deferred:
                self.execution.write(taken)

    def taken(self) -> list[Step]:
        """Take what is kept, to write it."""
        with self._lock:
            taken, self._buffer = self._buffer, []
        return taken

    # The transaction of a step.

    def refuse_transaction(self, what: str) -> None:
        """Refuse what writes to the journal by itself while the step has a transaction that may hold its lock.

        Raises:
            TransactionMisused: It has.
        """
        if self.transaction is not None:
            raise TransactionMisused(
                f"{what} in step {self.scope!r}, which has opened a transaction(): that is committed with the step's outcome, and "
                f"cannot go across another step.\nBegin the transaction after it, or in a step of its own."
            )

    def record(self, call: Call, *steps: Step) -> Awaitable[None]:
        """Record the outcome of the step, with what its body kept: `await position.record(...)`."""
        transaction = self.transaction
        if transaction is None or not transaction.has_written:
            self.drop_transaction()
            return self.writing(call, *steps)
        rows = (*self.taken(), *steps)

        def commit() -> None:
            transaction.commit(rows)

        async def acommit() -> None:  # at once: a thread that writes may wait for the lock that this holds
            commit()

        self.transaction = None
        return call.io(commit, afn=acommit)

    def drop_transaction(self) -> None:
        """Undo what the step's transaction did, if it has one."""
        transaction, self.transaction = self.transaction, None
        if transaction is not None:
            transaction.close()

    def step(
        self, key: str, kind: StepKind, status: StepStatus, value: bytes | None = None, **more: Any
    ) -> Step:
        """Make a row of this position."""
        fields: dict[str, Any] = {
            "digest": "",
            "attempt": 1,
            "enclosing": "1",
            "fingerprint": "",
            "started_at": self.execution.clock.time(),
            "duration": 0.0,
        }
        fields |= more
        for name in ("started_at", "duration"):
            fields[name] = float(fields[name])  # as it is read again
        return Step(key=key, kind=kind, status=status, value=value, **fields)


class OpenItem:
    """An item of a loop that is being done: the scope of what the loop's body does, and of what is begun there."""

    def __init__(self, position: Position) -> None:
        self.position = position
        self.call = current_call()
        self.at = ""
        self.counts: Counts = {}

    def enter(self, at: str) -> None:
        """Begin with the next item."""
        self.at, self.counts = at, {}
        others = [each for each in _ITEMS.get() if each() not in (None, self)]
        _ITEMS.set((*others, weakref.ref(self)))

    def leave(self) -> None:
        """Be done with it."""
        self.at = ""
        _ITEMS.set(tuple(each for each in _ITEMS.get() if each() not in (None, self)))


# Weak: a loop that is left by `break` is no more, and tells nobody.
_ITEMS: ContextVar[tuple[weakref.ref[OpenItem], ...]] = ContextVar("pegboard_durable_items", default=())


def _open_items(position: Position, call: Call) -> Iterator[OpenItem]:
    for each in _ITEMS.get():
        item = each()
        if item is not None and item.at and item.position is position and item.call is call:
            yield item


def written(attempts: Sequence[int]) -> str:
    """Write attempts as rows have them, `2.1.3`; first attempts at the end are left out, and all of them are `1`."""
    end = len(attempts)
    while end > 1 and attempts[end - 1] == 1:
        end -= 1
    return ".".join(map(str, attempts[:end])) or "1"


def _place_of(call: Call) -> object:
    """The place of a call in its group: its index, or the name of its node; None for one that has none."""
    if call.map_index is not None:
        return call.map_index
    return escaped(call.state[NODE]) if NODE in call.state else None


def here() -> object:
    """Tell apart what runs side by side: the asyncio task, or the thread."""
    if loop_runs_here():
        import asyncio

        return asyncio.current_task()
    return threading.get_ident()


_SPECIAL = re.compile(r"[%/#\[\]!~@=\x00-\x1f\x7f]")


def escaped(name: str) -> str:
    """Write a name so that no key made of it can be taken for another."""
    return _SPECIAL.sub(lambda found: f"%{ord(found[0]):02X}", name)


def _count(counts: Counts, name: str) -> int:
    count = counts[name] = counts.get(name, 0) + 1
    return count


def _counted(counts: Counts, name: str) -> str:
    return f"{name}#{_count(counts, name)}"


def _join(scope: str, part: str) -> str:
    return f"{scope}/{part}" if scope else part


POSITION: ContextVar[Position | None] = ContextVar("pegboard_durable_position", default=None)


def position_for(what: str) -> Position:
    """Return where the running code is.

    Raises:
        NotInRun: In no run.
    """
    position = POSITION.get()
    if position is None:
        raise NotInRun(
            f"{what}() is called outside of a durable run, where nothing is recorded.\n"
            f"Call it in a task with Durable(), in a session with a Durability plugin. What is placed with On(...) is one step, "
            f"and has none of its own in the worker.",
            what=what,
        )
    position.execution.check()
    if what in _WRITERS:
        position.refuse_transaction(f"{what}() is called")
    return position
