"""Formats of plain data, which need nothing but what this distribution installs."""

from __future__ import annotations

import types
from typing import Any

import msgspec

from pegboard import texts
from pegboard_datasets._csv_format import CSV_FORMAT
from pegboard_datasets._format import Format, Unfit
from pegboard_datasets._plain_values import in_own_type, in_plain_types


def _dump_json(value: object) -> bytes:
    return msgspec.json.encode(value, enc_hook=in_plain_types)


def _load_json(data: bytes, wanted: Any) -> Any:
    if wanted is None:
        return msgspec.json.decode(data)
    return msgspec.json.decode(data, type=wanted, dec_hook=in_own_type)


def check_plain(value: object) -> None:
    """Refuse what JSON gives back as something else: tuples, dates, keys that are no text, NaN."""
    cls = type(value)
    if cls is dict:
        for key, item in value.items():  # type: ignore[attr-defined]
            if type(key) is not str:
                raise Unfit(f"it holds a dict with a key of type {type(key).__name__}")
            check_plain(item)
    elif cls is list:
        for item in value:  # type: ignore[attr-defined]
            check_plain(item)
    elif cls is float:
        if value - value != 0:  # type: ignore[operator] # NaN and the infinities
            raise Unfit("it holds a float that is no number")
    elif cls is int:
        if not -(2**63) <= value < 2**64:  # type: ignore[operator]
            raise Unfit("it holds an int beyond 64 bits")
    elif cls not in {str, bool, types.NoneType}:
        raise Unfit(f"it is or holds {texts.a(cls.__name__)}")


def _dump_lines(value: list[Any]) -> bytes:
    return b"".join(_dump_json(item) + b"\n" for item in value)


def _load_lines(data: bytes, wanted: Any) -> Any:
    items = [msgspec.json.decode(line) for line in data.splitlines() if line.strip()]
    return items if wanted is None else msgspec.convert(items, wanted, dec_hook=in_own_type)


def _dump_text(value: str) -> bytes:
    return value.encode()


def _load_text(data: bytes, _: Any) -> str:
    return data.decode()


def _dump_bytes(value: bytes) -> bytes:
    return bytes(value)


def _load_bytes(data: bytes, wanted: Any) -> Any:
    return bytearray(data) if wanted is bytearray else data


PLAIN_FORMATS = (
    Format(
        "json",
        (".json",),
        (dict, list, int, float, bool, types.NoneType),
        _dump_json,
        _load_json,
        default=True,
        others=True,
        check=check_plain,
    ),
    Format("jsonl", (".jsonl", ".ndjson"), (list,), _dump_lines, _load_lines),
    Format("text", (".txt",), (str,), _dump_text, _load_text, default=True),
    Format("bytes", (".bin",), (bytes, bytearray), _dump_bytes, _load_bytes, default=True),
    CSV_FORMAT,
)
