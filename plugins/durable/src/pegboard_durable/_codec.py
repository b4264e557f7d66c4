"""Values and errors as they are recorded, and read again exactly as they were."""

from __future__ import annotations

import functools
import sys
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from pegboard import MissingPlugin, PegboardError
from pegboard.privacy import is_sensitive
from pegboard_durable._errors import NotRecordable, RecordedError
from pegboard_durable.journal.sealing import refuse_sealed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pegboard.records import ExactValues

_GROUP = "pegboard.exact_values"


@functools.cache
def exact_values() -> ExactValues:
    """Return the codec of exact values that is installed."""
    for entry in entry_points(group=_GROUP):
        found: ExactValues = entry.load()
        return found
    raise MissingPlugin(
        "durable runs record values with the codec of pegboard-cache, which is not installed: pip install 'pegboard[durable]'",
        plugin="cache",
    )


def encode(value: object, *, task: str, most: int) -> bytes:
    """Encode a value.

    Raises:
        NotRecordable: It would not come back as it is, or is larger than `most` bytes.
    """
    try:
        data = exact_values().dump(value)
    except TypeError as reason:
        raise NotRecordable(
            f"a value of {task!r}, {type(value).__name__}, cannot be recorded: {reason}.\n"
            f"A resumed run would not get it again. Return plain data, or a reference to where it is kept.",
            task=task,
            type=type(value).__name__,
        ) from None
    if len(data) > most:
        raise NotRecordable(
            f"a value of {task!r} is too large to be recorded: {len(data):,} bytes, and max_bytes={most:,}.\n"
            f"Keep it in a file or a dataset, and return a reference to it.",
            task=task,
            type=type(value).__name__,
        )
    return data


def decode(data: bytes) -> Any:
    """Decode what `encode` made.

    Raises:
        ValueError: It gives no value here.
        JournalSealed: It is encrypted, and there is no key.
    """
    refuse_sealed(data)
    return exact_values().load(data)


def digest_of(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
    """Return what is equal for equal arguments alone; empty where they cannot be compared."""
    try:
        return exact_values().digest((args, dict(kwargs)))
    except TypeError:
        return ""


def encode_error(error: Exception, *, encrypts: bool = False) -> bytes:
    """Encode an error: its class's name, its arguments, text and notes; of those what can be recorded.

    Args:
        error: The error.
        encrypts: Whether it is going to be encrypted; else one of a `sensitive` task keeps its class alone.
    """
    cls = type(error)
    if not encrypts and is_sensitive(error):  # nobody may record its text
        private: Any = (cls.__module__, cls.__qualname__, None, "(sensitive)", (), {})
        return exact_values().dump(private)
    facts = error.__dict__ if isinstance(error, PegboardError) else {}
    members = tuple(encode_error(each, encrypts=encrypts) for each in _members_of(error))
    fields = (
        cls.__module__,
        cls.__qualname__,
        tuple(_recordable(each) for each in error.args) if not isinstance(error, ExceptionGroup) else None,
        str(error),
        tuple(map(str, getattr(error, "__notes__", ()))),
        {name: value for name, value in facts.items() if _is_recordable(value)},
        *([members] if isinstance(error, ExceptionGroup) else []),
    )
    return exact_values().dump(fields)


def _is_recordable(value: object) -> bool:
    try:
        exact_values().dump(value)
    except TypeError:
        return False
    return True


def _recordable(value: object) -> object:
    return value if _is_recordable(value) else f"<{type(value).__name__}>"


def decode_error(data: bytes) -> Exception:
    """Make a recorded error again: of its own class if that is loaded here, and is one of errors; else a `RecordedError`."""
    module, qualname, args, message, notes, facts, *members = decode(data)
    cls = _loaded(module, qualname)
    error: Exception
    if members:
        error = _made_group(cls, message, [decode_error(each) for each in members[0]])
    elif cls is None or args is None:
        error = RecordedError(f"{qualname}: {message}", type=f"{module}:{qualname}", message=message)
    else:
        error = _made(cls, args, message)
        if isinstance(error, PegboardError):
            error.__dict__.update(facts)
    for note in notes:
        error.add_note(note)
    return error


def _members_of(error: Exception) -> tuple[Exception, ...]:
    return error.exceptions if isinstance(error, ExceptionGroup) else ()


def _made_group(cls: type[Exception] | None, message: str, members: list[Exception]) -> Exception:
    group = cls if cls is not None and issubclass(cls, ExceptionGroup) else ExceptionGroup
    text = message.rpartition(" (")[0]  # str() of a group says how many there are
    try:
        return group.__new__(group, text, members)
    except Exception:  # noqa: BLE001 - a class with a constructor of its own
        return ExceptionGroup(text, members)


def _loaded(module: str, qualname: str) -> type[Exception] | None:
    """Find a class of errors without importing anything."""
    found: Any = sys.modules.get(module)
    for part in qualname.split("."):
        found = getattr(found, part, None)
    return found if isinstance(found, type) and issubclass(found, Exception) else None


def _made(cls: type[Exception], args: tuple[Any, ...], message: str) -> Exception:
    """Make an error without running its `__init__`, which may want more than its arguments."""
    try:
        error = cls.__new__(cls, *args)
        error.args = args
    except Exception:  # noqa: BLE001 - a class with a constructor of its own
        return RecordedError(
            f"{cls.__qualname__}: {message}", type=f"{cls.__module__}:{cls.__qualname__}", message=message
        )
    return error
