"""Items on their way out over one line, and what becomes of those that do not arrive."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

import attrs

from pegboard.parts import Background
from pegboard_otlp import _environment, _losses
from pegboard_otlp._reply import ARRIVED, rejection

if TYPE_CHECKING:
    from pegboard.parts import Reason
    from pegboard_otlp._line import Line
    from pegboard_otlp._losses import Losses
    from pegboard_otlp._packing import Form

Item = TypeVar("Item")
_SMALLEST = 1_024  # bytes of a request below which a back end that calls it too large means something else


@attrs.frozen
class Limits:
    """How much waits, and for how long.

    Attributes:
        queue: Items that may wait; those beyond are lost, and counted.
        batch: Items in one request.
        delay: Seconds after which they go even if they are no full batch.
    """

    queue: int
    batch: int
    delay: float

    @classmethod
    def of_environment(cls, prefix: str) -> Limits:
        """Read them from `<prefix>_MAX_QUEUE_SIZE` and its like.

        Raises:
            ConfigError: One cannot be used.
        """
        queue = int(_environment.number(f"{prefix}_MAX_QUEUE_SIZE", 8_192, at_least=1))
        batch = int(_environment.number(f"{prefix}_MAX_EXPORT_BATCH_SIZE", 512, at_least=1))
        delay = _environment.number(f"{prefix}_SCHEDULE_DELAY", 5_000, at_least=1) / 1_000
        return cls(queue, min(batch, queue), delay)


class Outbox(Generic[Item]):
    """A queue of items of one signal. A forked child sends what it made itself and nothing of the parent's.

    Args:
        form: How items become a request.
        line: Where to.
        limits: How much waits.
        losses: Told of what does not arrive.
        flush_timeout: Seconds that the end of a forked child waits.

    Attributes:
        put: Takes an item; called where spans end.
    """

    def __init__(self, form: Form, line: Line, limits: Limits, losses: Losses, flush_timeout: float) -> None:
        self.losses = losses
        self._form = form
        self._line = line
        self._limits = limits
        self._is_closed = False
        self._why = ""
        self._background: Background[Item] = Background(
            f"pegboard-otlp-{line.destination.signal}",
            self._send,
            queue=limits.queue,
            batch=limits.batch,
            delay=limits.delay,
            flush_timeout=flush_timeout,
            around=line.open,
            abort=line.cut,
            on_loss=self._lost,
        )
        self.put: Callable[[Item], None] = self._background.put

    def begin_flush(self) -> Callable[[float], bool]:
        """Ask for everything that is there to be sent; the answer waits, and is False when it was late or something was lost."""
        lost = self.losses.number
        wait = self._background.begin_flush()
        return lambda seconds: wait(seconds) and self.losses.number == lost

    def begin_end(self) -> Callable[[float], bool]:
        """Take no more, send what is there and end the thread; the answer waits, and counts what is late as lost."""
        self._is_closed = True
        wait = self._background.begin_end()
        if not self._background.is_running:
            self._line.close()
        return wait

    def _send(self, batch: list[Item]) -> bool:
        """Send a batch; False if nothing of it arrived."""
        lost = self._send_part(batch)
        if lost < len(batch):
            self._count(lost, _losses.EXPORT_FAILED, self._why)
        return lost < len(batch)

    def _send_part(self, batch: list[Item]) -> int:
        """Send items, in two requests if one is too large for the back end; returns how many did not arrive."""
        packed = self._form.pack(batch)
        reply = self._line.send(packed.body) if packed.items else ARRIVED
        if reply.is_too_large and len(batch) > 1 and len(packed.body) > _SMALLEST:
            half = len(batch) // 2
            return self._send_part(batch[:half]) + self._send_part(batch[half:])
        if reply.state != "arrived":
            self._why = reply.why
            return len(batch)
        self.losses.arrived("" if reply.rejected else reply.remark)
        self._count(min(reply.rejected, packed.items), _losses.REJECTED, rejection(reply))
        self._count(packed.left_out, _losses.INVALID, packed.why)
        return 0

    def _count(self, number: int, reason: str, why: str) -> None:
        """Count what was lost of a request that arrived, unless the end of the session counted all of it as late."""
        if number and not self._line.is_closed:
            self.losses.add(number, reason, why)
            if not self._is_closed:
                self.losses.warn(reason)

    def _lost(self, number: int, reason: Reason) -> None:
        if reason == "queue_full":
            self.losses.add(number, _losses.QUEUE_FULL, f"more than {self._limits.queue} waited")
        elif reason == "send_failed":
            self.losses.add(number, _losses.EXPORT_FAILED, self._line.why)
        elif reason == "deadline":
            self.losses.add(number, _losses.DEADLINE, self._line.why)
        if not self._is_closed:
            self.losses.warn(reason, self._line.kind if reason == "send_failed" else "")
