"""A handler's formatter, with what must not be in a log taken out of what it writes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

import attrs

from pegboard import Secret
from pegboard.privacy import is_sensitive, without_repr
from pegboard.texts import encodable, without_control
from pegboard_logs._json import JSONFormatter
from pegboard_logs._message import MASK, holds_secret, message_of
from pegboard_logs._sensitive import LEFT_OUT

if TYPE_CHECKING:
    from pegboard.privacy import Masks

_PARTS = frozenset(
    ("msg", "args", "message", "exc_info", "exc_text", "stack_info")
)  # have rules of their own
ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


@attrs.frozen
class Rules:
    """What a guarded formatter does; replaced as a whole, so that a thread that formats sees one state.

    Attributes:
        masks: Known secrets, of every session that has the handler.
        json: Writes instead of the handler's own formatter, unless it is None.
        escape: Whether control characters in messages, names and stack traces are escaped.
        active: Whether anything is done at all.
    """

    masks: tuple[Masks, ...] = ()
    json: JSONFormatter | None = None
    escape: bool = False
    active: bool = False

    def mask(self, text: str) -> str:
        """Take known secrets out of a text."""
        for masks in self.masks:
            if masks:
                text = masks.mask(text)
        return text


class GuardedFormatter(logging.Formatter):
    """Formats as another formatter does; records stay as they are, so other handlers see them unchanged.

    Args:
        own: The handler's own formatter, or None.
        fit: Escapes what the handler cannot write.

    Attributes:
        own: As given.
        rules: What is done with what it writes.
    """

    def __init__(self, own: logging.Formatter | None, fit: Callable[[str], str] = encodable) -> None:
        super().__init__(datefmt=getattr(own, "datefmt", None))
        self.own = own
        self._fit = fit
        self.rules = Rules()
        self._inner = logging.Formatter() if own is None else own
        self._parts = own if isinstance(own, logging.Formatter) else logging.Formatter()

    def format(self, record: logging.LogRecord) -> str:
        """Format a record."""
        rules = self.rules
        writer = rules.json or (self._inner if isinstance(self._inner, JSONFormatter) else None)
        if writer is not None and rules.active:
            return writer.line(record, rules.mask)
        if not rules.active:
            return self._inner.format(record)
        text = rules.mask(self._text(record, rules))
        return text if text.isascii() else self._fit(text)

    def _text(self, record: logging.LogRecord, rules: Rules) -> str:
        if record.exc_info or record.exc_text:
            return self._inner.format(self._shown(record, rules))
        try:
            text = self._inner.format(record)
        except TypeError:  # a Secret among arguments or fields; anything else fails again
            return self._inner.format(self._shown(record, rules))
        if rules.escape and not text.isprintable():
            shown = self._shown(record, rules)
            return text if shown is record else self._inner.format(shown)
        return text

    def _shown(self, record: logging.LogRecord, rules: Rules) -> logging.LogRecord:
        """Return the record as it may be shown: itself, or a copy."""
        changes = _shown_fields(record, escape=rules.escape)
        if not isinstance(record.msg, dict):  # structlog's, and for its formatter alone
            message = without_repr(message_of(record), record.exc_info[1] if record.exc_info else None)
            shown = without_control(message) if rules.escape else message
            if (
                shown != message
                or holds_secret(record)
                or (record.exc_info and is_sensitive(record.exc_info[1]))
            ):
                changes |= {"msg": shown, "args": None, "message": shown}
        if record.exc_info and is_sensitive(record.exc_info[1]):
            name = type(record.exc_info[1]).__qualname__
            changes |= {"exc_info": None, "exc_text": f"{name} {LEFT_OUT}"}
        elif rules.escape and (record.exc_info or record.exc_text):
            text = self._parts.formatException(record.exc_info) if record.exc_info else record.exc_text
            changes["exc_text"] = without_control(text or "", keep="\n\t")
        if rules.escape and record.stack_info:
            changes["stack_info"] = without_control(record.stack_info, keep="\n\t")
        return _changed(record, changes) if changes else record

    # For handlers that ask their formatter for parts. ------------------------------------------------------------

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        """Format all but exception and stack."""
        return self.rules.mask(self._parts.formatMessage(record))

    def formatException(self, ei: ExcInfo) -> str:  # noqa: N802
        """Format an exception."""
        if self.rules.active and is_sensitive(ei[1]):
            return f"{type(ei[1]).__qualname__} {LEFT_OUT}"
        return self.rules.mask(self._parts.formatException(ei))

    def formatStack(self, stack_info: str) -> str:  # noqa: N802
        """Format a stack."""
        return self.rules.mask(self._parts.formatStack(stack_info))

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        """Format a time."""
        return self._parts.formatTime(record, datefmt)

    def usesTime(self) -> bool:  # noqa: N802
        """Whether the format has a time."""
        return self._parts.usesTime()


def _shown_fields(record: logging.LogRecord, *, escape: bool) -> dict[str, object]:
    """The names and the caller's own fields that a format may hold, as they may be shown; those alone that change."""
    changes: dict[str, object] = {}
    for name, value in record.__dict__.items():
        if isinstance(value, Secret) and name not in _PARTS:
            changes[name] = MASK
        elif escape and isinstance(value, str) and not value.isprintable() and name not in _PARTS:
            changes[name] = without_control(value)
    return changes


def _changed(record: logging.LogRecord, changes: dict[str, object]) -> logging.LogRecord:
    """Copy a record; without the application's record factory, which may count what it makes."""
    copy = logging.LogRecord.__new__(logging.LogRecord)
    copy.__dict__ = record.__dict__ | changes
    return copy
