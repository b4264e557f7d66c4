"""What happens around a generator that is a step: its items are recorded one by one."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import attrs

from pegboard import UnsupportedTask
from pegboard.errors import is_parked
from pegboard_durable import _undoing
from pegboard_durable._codec import decode, decode_error, digest_of, exact_values
from pegboard_durable._errors import JournalDiverged, NotRecordable
from pegboard_durable._position import POSITION, Position, written

if TYPE_CHECKING:
    from pegboard import Call
    from pegboard.layers import ProceedStream
    from pegboard_durable._layer import DurableCalls
    from pegboard_durable._records import Step

_FROM = "resume_from"


@attrs.frozen
class _Reading:
    """What is recorded of a stream that is read.

    Attributes:
        begun: Its row, as it begins.
        items: What was handed out, encoded.
        found: Its row, as it is recorded; None without one that counts.
        is_over: Whether its end is recorded.
    """

    begun: Step
    items: list[bytes]
    found: Step | None
    is_over: bool = False

    @property
    def is_recorded(self) -> bool:
        """Whether its row is written."""
        return self.found is not None


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
        # One generator: those inside another one are not closed with it.
        position = POSITION.get()
        if position is None:
            raise self._refusal()
        reading = self._open(call, position)
        for data in reading.items:
            yield decode(data)
        if reading.is_over:
            self._end_replay(call, position, reading)
            return
        position.execution.check_new(is_undo=position.is_undo)
        if position.has_unwritten:
            await position.execution.io(call, position.settle)
        begun = reading.begun
        if not reading.is_recorded:  # its arguments, to be compared before an item is handed out again
            await position.writing(call, begun)
        around = position.attempts(call.parent)
        inner = Position(position.execution, begun.key, call, around, is_undo=position.is_undo)
        token = POSITION.set(inner)
        started = time.perf_counter()
        current, count = self._resumed(call, len(reading.items))
        try:
            async for item in proceed(current):
                self._refuse_answers(call)
                if count < len(reading.items):
                    self._compare(inner, begun.key, count, reading.items[count], item)
                else:
                    await self._record_item(call, inner, begun, count, item)
                    yield item
                count += 1
        except GeneratorExit:
            # Written with what its consumer does next: if that does nothing more, it was cut off, and may come back for the rest.
            position.buffer(self._calls.ended(begun, "closed", None, call, started))
            raise
        except Exception as error:
            position.execution.refuse_fault()
            if not is_parked(error):
                await inner.writing(
                    call,
                    self._calls.ended(begun, "error", position.execution.encode_error(error), call, started),
                )
            raise
        finally:
            POSITION.reset(token)
        position.execution.refuse_fault()
        done = self._calls.ended(begun, "ok", self._calls.encoded(call.returned), call, started)
        await inner.writing(call, done, *_undoing.rows(call, inner, done))
        _undoing.note_done(call, position.execution, begun.key)

    def _open(self, call: Call, position: Position) -> _Reading:
        """Find what is recorded of a stream."""
        key = self._calls.begin(call, position)
        digest = digest_of(call.args, call.kwargs)
        begun = position.step(
            key,
            "step",
            "waiting",
            digest=digest,
            fingerprint=self._calls.fingerprint,
            enclosing=written(position.attempts(call.parent)),
        )
        found = position.execution.read(key)
        if found is not None and self._calls.option.on_change == "trust":
            begun = begun._replace(digest=found.digest)
        if found is None or self._calls.is_changed(position.execution, found, digest):
            return _Reading(begun, [], None)
        self._calls.tell_changed(call, position.execution, key, found.fingerprint)
        is_over = self._is_over(call, position, found)
        if is_over:
            self._calls.replayed(call, position.execution, found)
        return _Reading(begun, self._recorded(position, found), found, is_over)

    def _resumed(self, call: Call, count: int) -> tuple[Call, int]:
        """Return the call for the rest of a stream, and the number of the first item that it gives."""
        if not count or not self._takes_from:
            return call, 0
        return call.with_args(*call.args, **{**call.kwargs, _FROM: count}), count

    def _recorded(self, position: Position, found: Step) -> list[bytes]:
        """Return the items of a stream that are recorded, in their order; not those that it gave for other arguments."""
        items: list[bytes] = []
        while (row := position.execution.read(f"{found.key}[{len(items)}]")) is not None:
            if row.digest != found.digest:
                break
            items.append(row.value or b"")
        return items

    def _is_over(self, call: Call, position: Position, found: Step) -> bool:
        """Whether its end is recorded, and counts."""
        if found.status in ("error", "closed"):
            return found.enclosing == written(position.attempts(call.parent))
        return found.status == "ok"

    def _end_replay(self, call: Call, position: Position, reading: _Reading) -> None:
        """End as the recorded stream did.

        Raises:
            JournalDiverged: Its consumer left it then, and asks for more now.
            Exception: It failed.
        """
        found, count = reading.found, len(reading.items)
        if found is None or found.status == "ok":
            call.returned = None if found is None else decode(found.value or b"")
            _undoing.note_done(call, position.execution, reading.begun.key)
            return
        if found.status == "error":
            raise decode_error(found.value or b"")
        run_id = position.execution.run_id
        raise JournalDiverged(
            f"run {run_id!r} left the stream {found.key!r} after {count} items, and now asks for more.\n"
            f"Go on with the program that began the run.",
            run_id=run_id,
            key=found.key,
            recorded=str(count),
            now=str(count + 1),
        )

    async def _record_item(self, call: Call, inner: Position, begun: Step, index: int, item: Any) -> None:
        key = f"{begun.key}[{index}]"
        row, most = (
            inner.step(key, "item", "ok", self._calls.encoded(item), digest=begun.digest),
            self._calls.option.commit_every,
        )
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


def _no_answers(name: str) -> NotRecordable:
    return NotRecordable(
        f"the consumer of the stream {name!r} sent it something, or threw: an item that is an answer cannot be recorded.\n"
        f"Give the task what it needs as arguments, or leave Durable() away.",
        task=name,
        type="an answer",
    )
