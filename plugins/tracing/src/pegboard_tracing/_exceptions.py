"""What spans tell of an exception: its type always, its message and stack trace once and where allowed."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

import attrs
from opentelemetry.trace import Span, Status, StatusCode

from pegboard.privacy import is_sensitive
from pegboard.records import error_type
from pegboard.texts import cut, one_line
from pegboard_tracing import _names
from pegboard_tracing._shown import message_of
from pegboard_tracing._signal import Record, as_event

if TYPE_CHECKING:
    from pegboard import Session, Task
    from pegboard.privacy import Masks
    from pegboard_tracing._option import Traced

_ERROR = Status(StatusCode.ERROR)
_BLOCK_LONGEST = 1_024  # one frame, or one message, of a stack trace
_STACK_LONGEST = 16_384
_RECORDED = "_pegboard_recorded_below"


@attrs.frozen
class ErrorRules:
    """How exceptions of one task are recorded; see `Traced`.

    Attributes:
        messages: Whether messages and stack traces are shown.
        session: Whose known secrets are masked in them.
        expected: Exceptions that leave the span's status unset.
        record: How an exception is written down: as an event of the span, unless the environment says otherwise.
    """

    messages: bool
    expected: tuple[type[Exception], ...]
    session: Session
    record: Record = as_event

    @classmethod
    def of(
        cls, session: Session, task: Task[..., object] | None, traced: Traced, record: Record = as_event
    ) -> ErrorRules:
        """Read them off a task and its option; a group of several tasks has none of its own."""
        sensitive = task is not None and task.sensitive
        return cls(traced.messages and not sensitive, traced.expected, session, record)


def record_error(span: Span, error: BaseException, rules: ErrorRules, reader: str, above: str | None) -> None:
    """Set a span's status by what ended it, and record an exception unless a span below has.

    Which spans lie below is told by a mark on the exception: whoever records it leaves the id of the call that will see
    it next. So an exception that is raised again elsewhere, or from a module's constant, is recorded again.

    Args:
        span: A recording span.
        error: What left the call, attempt or group; a CancelledError, GeneratorExit or `Suspended` is no failure.
        rules: Those of the task.
        reader: Id of the call that the span belongs to.
        above: Id of the call around it, or None.
    """
    if isinstance(error, KeyboardInterrupt | SystemExit):
        span.set_attribute(_names.ERROR_TYPE, error_type(error))
        span.set_status(_ERROR)
        return
    if not isinstance(error, Exception):
        return
    span.set_attribute(_names.ERROR_TYPE, error_type(error))
    recorded = error.__dict__.get(_RECORDED) == reader
    shown = rules.messages and not is_sensitive(error)
    if not isinstance(error, rules.expected):
        span.set_status(Status(StatusCode.ERROR, message_of(error, rules.session.masks)) if shown else _ERROR)
        if not recorded:
            rules.record(span, _event_attributes(error, rules, shown=shown))
            recorded = True
    if recorded:
        error.__dict__[_RECORDED] = above or ""


def _event_attributes(error: Exception, rules: ErrorRules, *, shown: bool) -> dict[str, str]:
    attributes = {_names.EXCEPTION_TYPE: error_type(error)}
    if shown:
        attributes[_names.EXCEPTION_MESSAGE] = message_of(error, rules.session.masks)
        attributes[_names.EXCEPTION_STACKTRACE] = _stack_trace(error, rules.session.masks)
    return attributes


def _stack_trace(error: Exception, masks: Masks) -> str:
    """Format an exception with its causes; the innermost part is kept when it is too long."""
    blocks = (
        cut(masks.mask(block), _BLOCK_LONGEST).rstrip("\n") for block in traceback.format_exception(error)
    )
    return one_line("\n".join(blocks)[-_STACK_LONGEST:], keep="\n\t")
