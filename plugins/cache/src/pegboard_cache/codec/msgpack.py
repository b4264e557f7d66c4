"""Values as bytes, and back exactly as they were: MessagePack, with extension types for what it would change.

Plain data needs no extension and is read at msgspec's speed. Tuples, sets, dates, records and their like are marked, so
that each comes back as its own type. What cannot be marked, such as a subclass of dict or an open file, is refused.
An object that occurs twice in a value comes back as two equal ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.msgpack import Ext, decode, encode

from pegboard_cache._store import Unstorable
from pegboard_cache.codec.forms import CODES, FORMS, Form, form_of
from pegboard_cache.codec.records import Unreadable

_INT_LEAST, _INT_MOST = -(2**63), 2**64 - 1
AS_IT_IS = frozenset((type(None), bool, float, str, bytes))


def to_bytes(value: object) -> bytes:
    """Encode a value.

    Raises:
        Unstorable: It, or something inside it, would not come back as it is; names the type only.
    """
    try:
        return encode(_plain(value))
    except RecursionError:
        raise Unstorable("it contains itself, or is nested too deep") from None
    except (ValueError, OverflowError):
        raise Unstorable("it holds a text or a size that MessagePack has no form for") from None


def from_bytes(data: bytes | memoryview) -> Any:
    """Decode what `to_bytes` made.

    Raises:
        Unreadable: Damaged, or of a class that is not loaded, or whose class has other fields now.
    """
    try:
        return decode(data, ext_hook=_restore)
    except Unreadable:
        raise
    except Exception as error:  # noqa: BLE001 - forged parts may provoke anything in the types they are given to
        raise Unreadable(type(error).__name__) from None


def _plain(value: object) -> Any:
    """Rewrite a value in the types that MessagePack keeps, and marks."""
    cls = type(value)
    if cls in AS_IT_IS:
        return value
    writer = NATIVE.get(cls)
    if writer is not None:
        return writer(value)
    return _marked(form_of(cls), value)


def _marked(form: Form, value: object) -> Ext:
    return Ext(form.code, encode(_plain(form.dump(value))))


def _int(value: int) -> Any:
    return value if _INT_LEAST <= value <= _INT_MOST else _marked(FORMS[int], value)


def _list(value: list[Any]) -> Any:
    return [_plain(item) for item in value]


def _dict(value: dict[Any, Any]) -> Any:
    if all(_plain(key) is key for key in value):
        return {key: _plain(item) for key, item in value.items()}
    return _marked(FORMS[dict], value)


NATIVE: dict[type, Callable[[Any], Any]] = {int: _int, list: _list, dict: _dict}


def _restore(code: int, data: memoryview) -> Any:
    form = CODES.get(code)
    if form is None:
        raise Unreadable(f"extension {code}")
    return form.load(decode(data, ext_hook=_restore))
