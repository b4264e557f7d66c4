"""The items of a map that are told of: each is begun and ended here, and run elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextvars import Context
from typing import TYPE_CHECKING, Any

from pegboard.current import running_call
from pegboard.plans.folding import arity_of
from pegboard_processes.home.sending import bring_home, item_of

if TYPE_CHECKING:
    from pegboard.calls.call import Call
    from pegboard.running.map import Fanout
    from pegboard_processes.wire.parcels import Item, Reply


class Entry:
    """One item of a map, from its beginning to its end."""

    __slots__ = ("begun", "call", "context", "entered", "index", "item", "tried")

    def __init__(self, index: int, call: Call, context: Context) -> None:
        self.index = index
        self.call = call
        self.context = context
        self.entered: list[Any] = []
        self.begun = False
        self.tried = False
        self.item: Item

    def run(self, function: Any, *args: Any) -> Any:
        """Run something in the context of this item."""
        return self.context.run(function, *args)


class Entries:
    """Begins and ends the items of one map, in the thread that runs it, each in its own context.

    Args:
        work: The map.
    """

    def __init__(self, work: Fanout) -> None:
        self._work = work
        self._arity = arity_of(work.plan)
        self._open: dict[int, Entry] = {}

    def begin(self, index: int, args: tuple[Any, ...]) -> Entry | None:
        """Begin an item: scopes, `before_execute`, `before_attempt`; None when that ended it."""
        entry = self._entry(index, args)
        try:
            entry.run(self._enter, entry)
        except BaseException as error:  # noqa: BLE001 - kept, or raised by the map
            self.finish(entry, None, error)
            return None
        return entry

    def begin_late(self, index: int, args: tuple[Any, ...]) -> Entry:
        """Make the call of an item that nobody watches, and that was sent without one."""
        entry = self._entry(index, args)
        entry.run(self._stand, entry)
        return entry

    def arrive(self, entry: Entry, reply: Reply, position: int, sent_at: float) -> BaseException | None:
        """Tell what happened elsewhere, and return what the function raised, or None."""
        if reply.began:
            entry.call.started = time.perf_counter() - reply.seconds[position]
        error: BaseException | None = entry.run(bring_home, entry.call, reply, position, sent_at)
        return error

    def finish(self, entry: Entry, value: Any, error: BaseException | None) -> None:
        """End an item: `after_attempt`, `on_error`, `after_execute`, scopes, and its slot in the map."""
        try:
            entry.run(self._end, entry, value, error)
        except BaseException as stop:  # noqa: BLE001 - Ctrl-C in an observer, or a strict session
            error = stop
        if error is None:
            self._work.results[entry.index] = value
        else:
            self._work.failed(entry.index, error)

    def unrun(self, entries: Iterable[Entry]) -> None:
        """End items that nobody wants any more."""
        from asyncio import CancelledError

        for entry in entries:
            try:
                entry.run(self._end, entry, None, CancelledError("the map ended early"))
            except BaseException as stop:  # noqa: BLE001 - as in `finish`
                self._work.failed(entry.index, stop)

    def end_all(self) -> None:
        """End whatever was begun and is not over: where the map was interrupted."""
        self.unrun(list(self._open.values()))

    def _entry(self, index: int, args: tuple[Any, ...]) -> Entry:
        context = self._work.context()
        entry = Entry(index, context.run(self._work.call, index, args), context)
        entry.call.started = time.perf_counter()
        self._open[index] = entry
        return entry

    def _stand(self, entry: Entry) -> None:
        call = entry.call
        running_call.set(call)
        entry.begun = True
        call.attempt = 1
        entry.item = item_of(call, call.args, call.kwargs)

    def _enter(self, entry: Entry) -> None:
        call, plan = entry.call, entry.call.plan
        running_call.set(call)
        if plan.scopes:
            plan.enter(call, entry.entered)
        entry.begun = True
        if (before := plan.events.get("before_execute")) is not None:
            before(call)
        least, most, check = self._arity
        if call.kwargs or not least <= len(call.args) <= most:
            check(call)
        call.attempt = 1
        entry.tried = True
        if (before := plan.events.get("before_attempt")) is not None:
            before(call, 1)
        entry.item = item_of(call, call.args, call.kwargs)

    def _end(self, entry: Entry, value: Any, error: BaseException | None) -> None:
        """End an item; again, where that was interrupted: what began to be told is not told a second time."""
        plan = entry.call.plan
        try:
            if entry.tried and (after := plan.events.get("after_attempt")) is not None:
                entry.tried = False
                after(entry.call, 1, error)
        except BaseException as stop:
            error = stop
            raise
        finally:
            self._close(entry, value, error)
            self._open.pop(entry.index, None)

    def _close(self, entry: Entry, value: Any, error: BaseException | None) -> None:
        call, plan = entry.call, entry.call.plan
        try:
            if not entry.begun or call.outcome is not None:
                return
            if error is None:
                plan.succeed(call, value)
            elif plan.watched:
                plan.fail(call, error)
            elif isinstance(error, Exception):
                plan.note(call, error)
        finally:
            if plan.scopes or plan.strict:
                entered, entry.entered = entry.entered, []
                plan.leave(call, entered)
