"""What happens around a generator that is a step: its items are recorded one by one."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

from pegboard import UnsupportedTask
from pegboard_durable import _undoing
from pegboard_durable._codec import decode, decode_error, digest_of, encode_error, exact_values
from pegboard_durable._errors import JournalDiverged, NotRecordable
from pegboard_durable._position import POSITION, Position, written

if TYPE_CHECKING:
    from pegboard import Call
    from pegboard.layers import ProceedStream
    from pegboard_durable._layer import DurableCalls
    from pegboard_durable._records import Step

_FROM = "resume_from"


class DurableStreams:
    """The layer around one generator task."""

    def __init__(self, calls: DurableCalls) -> None:
        self._calls = calls
        try:
            self._takes_from = _FROM in calls.task.signature.parameters
        except (TypeError, ValueError):
            self._takes_from = False

    async def stream(self, call: Call, proceed: ProceedStream) -> AsyncIterator[Any]:
        """Yield the recorded items, and then those that the task makes."""
        position = POSITION.get()
        if position is None:
            raise self._refusal()
        key = self._calls.begin(call, position)
        digest = digest_of(call.args, call.kwargs)
        execution = position.execution
        found = execution.read(key)
        if found is not None and self._calls.is_changed(execution, found, digest):
            found, items = None, []
        else:
            items = self._recorded(position, key)
        if found is not None and self._is_over(call, position, found):
            async for item in self._replayed(call, position, found, items):
                yield item
            return
        execution.check_new(is_undo=position.is_undo)
        if position.has_unwritten:
            await position.execution.io(call, position.settle)
        step = self._begun(call, position, key, digest)
        if found is None:  # the arguments, to be compared before the first recorded item is handed out again
            await position.writing(call, step)
        around = position.attempts(call.parent)
        inner = Position(execution, key, call, around, is_undo=position.is_undo)
        token = POSITION.set(inner)
        try:
            async for item in self._run(call, proceed, inner, step, items):
                yield item
        finally:
            POSITION.reset(token)

    async def _run(
        self, call: Call, proceed: ProceedStream, inner: Position, begun: Step, recorded: list[bytes]
    ) -> AsyncIterator[Any]:
        """Yield what is recorded, let the task make the rest, and record how it ends."""
        execution, started, count = inner.execution, time.perf_counter(), 0
        resumes = bool(recorded) and self._takes_from
        current = call.with_args(*call.args, **{**call.kwargs, _FROM: len(recorded)}) if resumes else call
        try:
            for data in recorded:
                count += 1
                yield decode(data)
            count = len(recorded) if resumes else 0
            async for item in proceed(current):
                self._refuse_answers(call)
                if count < len(recorded):
                    self._compare(inner, begun.key, count, recorded[count], item)
                    count += 1
                    continue
                await self._record_item(call, inner, f"{begun.key}[{count}]", item)
                count += 1
                yield item
        except GeneratorExit as closed:
            # Left early on purpose, and not because something around it is on its way out: that may come back for more.
            if closed.__context__ is None and execution.fault is None and not execution.has_returned:
                inner.write(self._ended(begun, "closed", None, call, started))
            raise
        except Exception as error:
            execution.refuse_fault()
            if not _is_parked(error):
                await inner.writing(call, self._ended(begun, "error", encode_error(error), call, started))
            raise
        execution.refuse_fault()
        done = self._ended(begun, "ok", self._calls.encoded(call.returned), call, started)
        await inner.writing(call, done, *_undoing.rows(call, inner, done))
        _undoing.note_done(call, execution, begun.key)

    def _recorded(self, position: Position, key: str) -> list[bytes]:
        """Return the items of a stream that are recorded, in their order."""
        items: list[bytes] = []
        while (row := position.execution.read(f"{key}[{len(items)}]")) is not None:
            items.append(row.value or b"")
        return items

    def _is_over(self, call: Call, position: Position, found: Step) -> bool:
        """Whether its end is recorded, and counts."""
        if found.status == "error":
            return found.enclosing == written(position.attempts(call.parent))
        return found.status in ("ok", "closed")

    async def _replayed(
        self, call: Call, position: Position, found: Step, items: Sequence[bytes]
    ) -> AsyncIterator[Any]:
        self._calls.replayed(call, position.execution, found)
        for data in items:
            yield decode(data)
        if found.status == "error":
            raise decode_error(found.value or b"")
        if found.status == "closed":
            run_id = position.execution.run_id
            raise JournalDiverged(
                f"run {run_id!r} left the stream {found.key!r} after {len(items)} items, and now asks for more.\n"
                f"Go on with the program that began the run.",
                run_id=run_id,
                key=found.key,
                recorded=str(len(items)),
                now=str(len(items) + 1),
            )
        call.returned = decode(found.value or b"")
        _undoing.note_done(call, position.execution, found.key)

    def _begun(self, call: Call, position: Position, key: str, digest: str) -> Step:
        return position.step(
            key,
            "step",
            "waiting",
            digest=digest,
            fingerprint=self._calls.fingerprint,
            enclosing=written(position.attempts(call.parent)),
        )

    def _ended(self, begun: Step, status: Any, data: bytes | None, call: Call, started: float) -> Step:
        return begun._replace(
            status=status, value=data, attempt=call.attempt, duration=time.perf_counter() - started
        )

    async def _record_item(self, call: Call, inner: Position, key: str, item: Any) -> None:
        row, most = inner.step(key, "item", "ok", self._calls.encoded(item)), self._calls.option.commit_every
        if most > 1:
            await inner.execution.deferring(call, (*inner.taken(), row), most)
        else:
            await inner.writing(call, row)

    def _compare(self, inner: Position, key: str, index: int, recorded: bytes, item: Any) -> None:
        """Refuse a stream that now gives another item than was handed out at that place."""
        if self._calls.option.on_change != "raise" or exact_values().same(decode(recorded), item):
            return
        run_id = inner.execution.run_id
        raise JournalDiverged(
            f"run {run_id!r} got another item {index} of {key!r} than it gets now.\n"
            f"A stream that is resumed gives the same items first; or it takes {_FROM}=, and gives only those after so many.",
            run_id=run_id,
            key=f"{key}[{index}]",
            recorded="",
            now="",
        )

    def _refuse_answers(self, call: Call) -> None:
        if call.directed:
            raise _no_answers(self._calls.name)

    def _refusal(self) -> UnsupportedTask:
        name = self._calls.task.name
        return UnsupportedTask(
            f"the generator {name!r} is Durable(), and called outside of a run: a stream may be a step of one, but no run.\n"
            f"Read it in a task with Durable().",
            plugin="durable",
            task=name,
            kind=self._calls.task.kind,
        )


def _is_parked(error: Exception) -> bool:
    return bool(getattr(error, "parked", False))


def _no_answers(name: str) -> NotRecordable:
    return NotRecordable(
        f"the consumer of the stream {name!r} sent it something, or threw: an item that is an answer cannot be recorded.\n"
        f"Give the task what it needs as arguments, or leave Durable() away.",
        task=name,
        type="an answer",
    )
