"""The lines of attempts, and of retries between them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

from pegboard import hookimpl
from pegboard.records import status_of
from pegboard_jsonlines._text import failure, quoted, timestamp

if TYPE_CHECKING:
    from pegboard import Call, Session, Task
    from pegboard_jsonlines._out import Out


class Begun:
    """Key of the time at which the running attempt of a call began."""


def attempt_observers(
    session: Session, task: Task[..., object], out: Out, *, messages: bool
) -> SimpleNamespace:
    """Make the observers of one task's attempts."""
    clock, write = session.clock, out.write
    head = f'"task": {quoted(task.name)}, "call_id": '
    session_id = f'"session_id": {quoted(session.id)}'

    def before_attempt(call: Call) -> None:
        call.state[Begun] = clock.monotonic()

    def after_attempt(call: Call, attempt: int, error: BaseException | None) -> None:
        now = clock.time()
        duration = clock.monotonic() - call.state.get(Begun, clock.monotonic())
        status = "ok" if error is None else status_of(error)
        write(
            f'{{"ts": "{timestamp(now)}", "event": "attempt", {head}"{call.id}", {session_id}, "attempt": {attempt}, '
            f'"status": "{status}", "duration": {duration:.6f}, {failure(call, error, messages=messages)}}}\n',
            now,
        )

    def on_retry(call: Call, attempt: int, error: Exception, delay: float, ran: bool) -> None:
        now = clock.time()
        write(
            f'{{"ts": "{timestamp(now)}", "event": "retry", {head}"{call.id}", {session_id}, "attempt": {attempt}, '
            f'"ran": {"true" if ran else "false"}, "delay": {delay:.6f}, {failure(call, error, messages=messages)}}}\n',
            now,
        )

    observers = (before_attempt, after_attempt, on_retry)
    return SimpleNamespace(**{observer.__name__: hookimpl(observer) for observer in observers})
