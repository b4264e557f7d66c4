"""Values of Python as those of OTLP: whatever they are, as near as it has them.

Source: "Mapping Arbitrary Data to OTLP AnyValue" of the OpenTelemetry specification; texts that are no UTF-8 are escaped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList

from pegboard.texts import encodable, text_of

_LEAST, _MOST = -(2**63), 2**63 - 1


def as_text(value: object) -> str:
    """Return a text that OTLP can carry: lone surrogates, as in names of files, are escaped."""
    text = value if isinstance(value, str) else text_of(value)
    return text if text.isascii() else encodable(text)


def is_whole(value: object) -> bool:
    """Whether a value is a whole number of at most 64 bits."""
    return isinstance(value, int) and _LEAST <= value <= _MOST


def any_value(value: object) -> AnyValue:
    """Return a value; what OTLP has no type for is its text."""
    if isinstance(value, str):
        return AnyValue(string_value=as_text(value))
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if is_whole(value):
        return AnyValue(int_value=value)  # type: ignore[arg-type]
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if value is None:
        return AnyValue()
    if isinstance(value, bytes):
        return AnyValue(bytes_value=value)
    if isinstance(value, Mapping):
        return AnyValue(kvlist_value=KeyValueList(values=[_pair(*pair) for pair in value.items()]))
    if isinstance(value, Sequence):
        return AnyValue(array_value=ArrayValue(values=[any_value(each) for each in value]))
    return AnyValue(string_value=as_text(value))


def add_attributes(attributes: Mapping[Any, object] | None, to: Any) -> int:
    """Add attributes to a message's list; returns how many could not be told, and are left out."""
    left_out = 0
    for key, value in (attributes or {}).items():
        try:
            to.append(_pair(key, value))
        except Exception:  # noqa: BLE001 - whatever a value of a user raises, as one that contains itself
            left_out += 1
    return left_out


def _pair(key: object, value: object) -> KeyValue:
    return KeyValue(key=as_text(key), value=any_value(value))
