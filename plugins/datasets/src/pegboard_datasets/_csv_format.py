"""CSV of plain records, as RFC 4180 has it; None is an empty field, and an empty text one in quotes.

The standard library's csv does not tell the two apart, and before Python 3.11.9 and 3.12.3 it does not quote a carriage
return, which then splits the row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from pegboard import texts
from pegboard_datasets._format import Format, Unfit
from pegboard_datasets._plain_values import in_own_type, in_plain_types

_QUOTED = re.compile(r'[",\r\n]')
_FIELD = re.compile(r'"([^"]*(?:""[^"]*)*)"|((?:[^",\r\n][^,\r\n]*)?)')
_LINE_END = re.compile(r"\r\n|\r|\n")
_BOM = "\ufeff"

Row = list["str | None"]  # None is an empty field without quotes


def _dump_csv(value: list[Any]) -> bytes:
    """Write records by their fields, or rows, the first being the header."""
    rows = msgspec.to_builtins(value, enc_hook=in_plain_types)
    if rows and isinstance(rows[0], dict):
        header = list(rows[0])
        lines = [header, *([row[name] for name in header] for row in _of_equal_fields(rows))]
    else:
        lines = _of_equal_length(rows)
    if lines:
        _check_header([_text(cell) for cell in lines[0]])
    text = "".join(f"{','.join(map(_field, line))}\n" for line in lines)
    return text.encode("utf-8-sig" if text.startswith(_BOM) else "utf-8")  # one of them is taken off again


def _of_equal_fields(rows: list[Any]) -> list[dict[str, Any]]:
    fields = rows[0].keys()
    for number, row in enumerate(rows):
        if not isinstance(row, dict) or row.keys() != fields:
            raise Unfit(f"row {number} has other fields than the first, and a CSV file has one header")
    return rows


def _of_equal_length(rows: list[Any]) -> list[Any]:
    for number, row in enumerate(rows):
        if not isinstance(row, list | tuple):
            raise Unfit(
                f"row {number} is {texts.a(type(row).__name__)}, and a row is a dict, a record or a list"
            )
        if len(row) != len(rows[0]):
            raise Unfit(f"row {number} has {len(row)} fields, and the header has {len(rows[0])}")
    return rows


def _check_header(header: Sequence[str]) -> None:
    if not header:
        raise Unfit("its records have no fields, so a CSV file would not tell how many there are")
    if len(set(header)) < len(header):
        raise Unfit("its header has one name twice")


def _field(value: object) -> str:
    text = _text(value)
    if value is None or (text and not _QUOTED.search(text)):
        return text
    return '"' + text.replace('"', '""') + '"'


def _text(value: object) -> str:
    if isinstance(value, list | tuple | dict | set | frozenset):
        raise Unfit(
            f"it holds {texts.a(type(value).__name__)} in a field, and a field of a CSV file is one value"
        )
    return "" if value is None else str(value)


def _load_csv(data: bytes, wanted: Any) -> Any:
    """Read the first line as header; all values are text, unless the fields of what is wanted say more."""
    lines = _lines(data.decode("utf-8-sig"))
    header = [cell or "" for cell in next(lines, [])]
    if not header:
        return _as_wanted([], wanted)
    _check_header(header)
    rows = _rows(lines, len(header))
    if wanted in {None, list}:
        return [dict(zip(header, (cell or "" for cell in row), strict=True)) for row in rows]
    takes_none = [_takes_none(wanted)(name) for name in header]
    return _as_wanted(
        [
            {
                name: cell if cell is not None or none else ""
                for name, cell, none in zip(header, row, takes_none, strict=True)
            }
            for row in rows
        ],
        wanted,
    )


def _as_wanted(rows: list[Any], wanted: Any) -> Any:
    return (
        rows if wanted in {None, list} else msgspec.convert(rows, wanted, strict=False, dec_hook=in_own_type)
    )


def _rows(lines: Iterator[Row], count: int) -> Iterator[Row]:
    for number, line in enumerate(lines, 1):
        if line == [None] and count > 1:  # an empty line
            continue
        if len(line) != count:
            raise Unfit(f"row {number} has {len(line)} fields, and the header has {count}")
        yield line


def _lines(text: str) -> Iterator[Row]:
    place = 0
    row: Row = []
    while place < len(text) or row:
        found = _FIELD.match(text, place)
        quoted, plain = (None, "") if found is None else found.groups()
        row.append(plain or None if quoted is None else quoted.replace('""', '"'))
        place = place if found is None else found.end()
        end = _LINE_END.match(text, place)
        if place == len(text) or end:
            yield row
            row = []
            place = place if end is None else end.end()
        elif text[place] == ",":
            place += 1
        else:
            raise Unfit("a quote is not closed, or closed in the middle of a field")


def _takes_none(wanted: Any) -> Callable[[str], bool]:
    """Make what tells whether a field of the records that are wanted may be None."""
    try:
        item = getattr(msgspec.inspect.type_info(wanted), "item_type", None)
    except (TypeError, NameError):  # no type that msgspec knows
        return lambda _: False
    types = {field.encode_name: field.type for field in getattr(item, "fields", ())}
    of_dict = getattr(item, "value_type", None)
    return lambda name: getattr(types.get(name, of_dict), "includes_none", False)


CSV_FORMAT = Format("csv", (".csv",), (list,), _dump_csv, _load_csv)
