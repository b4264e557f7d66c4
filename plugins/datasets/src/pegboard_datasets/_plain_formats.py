"""Formats of plain data, which need nothing but what this distribution installs."""

from __future__ import annotations

import csv
import io
import types
from typing import Any

import msgspec

from pegboard_datasets._format import Format, Unfit


def _dump_json(value: object) -> bytes:
    return msgspec.json.encode(value, enc_hook=_in_plain_types)


def _load_json(data: bytes, wanted: Any) -> Any:
    if wanted is None:
        return msgspec.json.decode(data)
    return msgspec.json.decode(data, type=wanted, dec_hook=_in_own_type)


def _in_plain_types(value: Any) -> Any:
    """What msgspec does not know: models of pydantic, and scalars of NumPy."""
    if hasattr(type(value), "model_dump"):
        return value.model_dump(mode="json")
    if hasattr(type(value), "dtype") and getattr(value, "ndim", None) == 0:
        return value.item()
    raise Unfit(f"it is or holds a {type(value).__name__}")


def _in_own_type(cls: Any, value: object) -> Any:
    if hasattr(cls, "model_validate"):
        return cls.model_validate(value)
    raise Unfit(f"it is no {cls.__name__}, which msgspec cannot make")


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
        raise Unfit(f"it is or holds a {cls.__name__}")


def _dump_lines(value: list[Any]) -> bytes:
    return b"".join(_dump_json(item) + b"\n" for item in value)


def _load_lines(data: bytes, wanted: Any) -> Any:
    items = [msgspec.json.decode(line) for line in data.splitlines() if line.strip()]
    return items if wanted is None else msgspec.convert(items, wanted, dec_hook=_in_own_type)


def _dump_text(value: str) -> bytes:
    return value.encode()


def _load_text(data: bytes, _: Any) -> str:
    return data.decode()


def _dump_bytes(value: bytes) -> bytes:
    return bytes(value)


def _load_bytes(data: bytes, wanted: Any) -> Any:
    return bytearray(data) if wanted is bytearray else data


def _dump_csv(value: list[Any]) -> bytes:
    """Write records by their fields, or rows without a header."""
    rows = msgspec.to_builtins(value, enc_hook=_in_plain_types)
    out = io.StringIO(newline="")
    if rows and isinstance(rows[0], dict):
        writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(_of_equal_fields(rows))
    else:
        csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue().encode()


def _of_equal_fields(rows: list[Any]) -> list[dict[str, Any]]:
    fields = rows[0].keys()
    for number, row in enumerate(rows):
        if not isinstance(row, dict) or row.keys() != fields:
            raise Unfit(f"row {number} has other fields than the first, and a CSV file has one header")
    return rows


def _load_csv(data: bytes, wanted: Any) -> Any:
    """Read the first line as header; all values are text, unless the fields of what is wanted say more."""
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True))
    return (
        rows if wanted in {None, list} else msgspec.convert(rows, wanted, strict=False, dec_hook=_in_own_type)
    )


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
    Format("csv", (".csv",), (list,), _dump_csv, _load_csv),
)
