"""A record's message, also when it holds a Secret."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from pegboard import Secret

MASK = "***"


def message_of(record: logging.LogRecord) -> str:
    """Return the message with `***` for every `Secret` among message and arguments, which refuses to become text.

    Raises:
        Exception: The arguments do not fit the message, or cannot be written.
    """
    try:
        return record.getMessage()
    except TypeError:
        message, args = _hidden(record.msg), record.args
        if isinstance(args, Mapping):
            return str(message) % {name: _hidden(value) for name, value in args.items()}
        return str(message) % tuple(_hidden(value) for value in args) if args else str(message)


def holds_secret(record: logging.LogRecord) -> bool:
    """Whether the message, or one of its arguments, is a `Secret`."""
    args = record.args or ()
    values = args.values() if isinstance(args, Mapping) else args
    return isinstance(record.msg, Secret) or any(isinstance(value, Secret) for value in values)


def _hidden(value: object) -> object:
    return MASK if isinstance(value, Secret) else value
