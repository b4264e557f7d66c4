"""A record's message, also when it holds a Secret."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping

from pegboard import Secret

MASK = "***"
# A conversion of numbers, or a literal percent sign, which is none.
_NUMBER = re.compile(r"%%|%(?P<begin>(\(.*?\))?[#0 +-]*\d*)(\.\d+)?[hlL]?[diouxXeEfFgGc]")


def message_of(record: logging.LogRecord) -> str:
    """Return the message with `***` for every `Secret` among message and arguments, which refuses to become text.

    Raises:
        Exception: The arguments do not fit the message, or cannot be written.
    """
    try:
        return record.getMessage()
    except TypeError:
        if not holds_secret(record):
            raise
    message = str(_hidden(record.msg))
    try:
        return _filled(message, record.args)
    except TypeError:  # it was to be shown as a number
        return _filled(_NUMBER.sub(_as_text, message), record.args)


def holds_secret(record: logging.LogRecord) -> bool:
    """Whether the message, or one of its arguments, is a `Secret`."""
    args = record.args or ()
    values = args.values() if isinstance(args, Mapping) else args
    return isinstance(record.msg, Secret) or any(isinstance(value, Secret) for value in values)


def _filled(message: str, args: tuple[object, ...] | Mapping[str, object] | None) -> str:
    if isinstance(args, Mapping):
        return message % {name: _hidden(value) for name, value in args.items()}
    return message % tuple(_hidden(value) for value in args) if args else message


def _as_text(found: re.Match[str]) -> str:
    return found[0] if found[0] == "%%" else f"%{found['begin']}s"


def _hidden(value: object) -> object:
    return MASK if isinstance(value, Secret) else value
