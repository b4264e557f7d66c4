"""The types that MessagePack lacks, each as a number and as values that it has."""

from __future__ import annotations

import datetime as dt
import decimal
import pathlib
import uuid
import zoneinfo
from collections.abc import Callable
from typing import Any

import attrs

from pegboard import texts
from pegboard_cache._store import Unstorable
from pegboard_cache.codec import pandas, records, tables


@attrs.frozen
class Form:
    """How one type is written.

    Attributes:
        code: Its number on disk, for ever.
        dump: Gives values that the codec knows, made of parts of the object.
        load: Gives the object back.
    """

    code: int
    dump: Callable[[Any], Any]
    load: Callable[[Any], Any]


_PATHS = {
    cls.__name__: cls
    for cls in (pathlib.PurePosixPath, pathlib.PureWindowsPath, pathlib.PosixPath, pathlib.WindowsPath)
}


def _dump_path(value: pathlib.PurePath) -> list[str]:
    return [type(value).__name__, str(value)]


def _load_path(parts: list[str]) -> pathlib.PurePath:
    return _PATHS[parts[0]](parts[1])


def _dump_datetime(value: dt.datetime) -> list[Any]:
    return [value.replace(tzinfo=None, fold=0).isoformat(), value.fold, _dump_zone(value.tzinfo)]


def _load_datetime(parts: list[Any]) -> dt.datetime:
    text, fold, zone = parts
    return dt.datetime.fromisoformat(text).replace(fold=fold, tzinfo=_load_zone(zone))


def _dump_time(value: dt.time) -> list[Any]:
    return [value.replace(tzinfo=None, fold=0).isoformat(), value.fold, _dump_zone(value.tzinfo)]


def _load_time(parts: list[Any]) -> dt.time:
    text, fold, zone = parts
    return dt.time.fromisoformat(text).replace(fold=fold, tzinfo=_load_zone(zone))


def _dump_zone(zone: dt.tzinfo | None) -> Any:
    if zone is None:
        return None
    if type(zone) is zoneinfo.ZoneInfo and zone.key is not None:
        return zone.key
    if type(zone) is dt.timezone and not _is_named(zone):
        return zone.utcoffset(None)
    raise Unstorable(f"it holds a time zone of type {type(zone).__name__}")


def _is_named(zone: dt.timezone) -> bool:
    return zone.tzname(None) != dt.timezone(zone.utcoffset(None)).tzname(None)


def _load_zone(zone: Any) -> dt.tzinfo | None:
    if zone is None:
        return None
    return zoneinfo.ZoneInfo(zone) if isinstance(zone, str) else dt.timezone(zone)


def _dump_timedelta(value: dt.timedelta) -> list[int]:
    return [value.days, value.seconds, value.microseconds]


FORMS: dict[type, Form] = {
    int: Form(1, hex, lambda text: int(text, 16)),  # beyond 64 bits
    dict: Form(2, lambda value: [list(pair) for pair in value.items()], dict),  # with keys of other types
    tuple: Form(3, list, tuple),
    set: Form(4, list, set),
    frozenset: Form(5, list, frozenset),
    bytearray: Form(6, bytes, bytearray),
    complex: Form(7, lambda value: [value.real, value.imag], lambda parts: complex(*parts)),
    range: Form(8, lambda value: [value.start, value.stop, value.step], lambda parts: range(*parts)),
    dt.datetime: Form(9, _dump_datetime, _load_datetime),
    dt.date: Form(10, dt.date.isoformat, dt.date.fromisoformat),
    dt.time: Form(11, _dump_time, _load_time),
    dt.timedelta: Form(12, _dump_timedelta, lambda parts: dt.timedelta(*parts)),
    decimal.Decimal: Form(13, str, decimal.Decimal),
    uuid.UUID: Form(14, lambda value: value.bytes, lambda data: uuid.UUID(bytes=data)),
    **dict.fromkeys(_PATHS.values(), Form(15, _dump_path, _load_path)),
}
RECORD = Form(20, records.dump_record, records.load_record)
NAMED_TUPLE = Form(21, records.dump_named_tuple, records.load_named_tuple)
MEMBER = Form(22, records.dump_member, records.load_member)
MODEL = Form(23, records.dump_model, records.load_model)
TABLES = {
    "numpy.ndarray": Form(30, tables.dump_array, tables.load_array),
    "numpy.generic": Form(31, tables.dump_scalar, tables.load_scalar),
    "pyarrow.Table": Form(32, tables.dump_table, tables.load_table),
    "pyarrow.RecordBatch": Form(33, tables.dump_batch, tables.load_batch),
    "pandas.DataFrame": Form(34, pandas.dump_frame, pandas.load_frame),
    "pandas.Series": Form(35, pandas.dump_series, pandas.load_series),
    "polars.DataFrame": Form(36, tables.dump_polars, tables.load_polars),
    "polars.Series": Form(37, tables.dump_polars_series, tables.load_polars_series),
}
CODES = {form.code: form for form in (*FORMS.values(), RECORD, NAMED_TUPLE, MEMBER, MODEL, *TABLES.values())}


def form_of(cls: type) -> Form:
    """The form of a type.

    Raises:
        Unstorable: It has none.
    """
    form = FORMS.get(cls)
    if form is not None:
        return form
    table = tables.name_of(cls)
    if table is not None:
        return TABLES[table]
    if records.is_member_class(cls):
        return MEMBER
    if records.is_named_tuple_class(cls):
        return NAMED_TUPLE
    if records.is_record_class(cls):
        return RECORD
    if records.is_model_class(cls):
        return MODEL
    raise Unstorable(f"it is or holds {texts.a(cls.__name__)}, which is not plain data")
