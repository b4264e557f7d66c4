"""Arrow's tables and arrays in keys."""

from __future__ import annotations

import decimal

import pyarrow as pa
import pytest

from pegboard_cache.keys.encoder import canonical


def text(value):
    return canonical((value,))


COLUMNS = {
    "int": ([1, 2, 3], pa.int64()),
    "with nulls": ([1, None, 3], pa.int32()),
    "float": ([1.5, float("inf"), 0.0], pa.float64()),
    "half": ([1.5, None, 0.0], pa.float16()),
    "bool": ([True, None, False], pa.bool_()),
    "text": (["a", None, "ccc"], pa.string()),
    "large text": (["a", "", "ccc"], pa.large_string()),
    "view of text": (["a", None, "longer than twelve bytes"], pa.string_view()),
    "binary": ([b"a", b"\0", b""], pa.binary()),
    "fixed binary": ([b"ab", None, b"cd"], pa.binary(2)),
    "date": ([1, None, 3], pa.date32()),
    "time": ([1, 2, 3], pa.timestamp("ns", "Europe/Berlin")),
    "decimal": ([decimal.Decimal("1.5"), None, decimal.Decimal(2)], pa.decimal128(10, 2)),
    "list": ([[1], None, [2, 3]], pa.list_(pa.int8())),
    "list of lists": ([[["a"]], [], [["b", None]]], pa.list_(pa.list_(pa.string()))),
    "fixed list": ([[1, 2], None, [3, 4]], pa.list_(pa.int8(), 2)),
    "struct": ([{"a": 1}, None, {"a": None}], pa.struct([("a", pa.int8())])),
    "map": ([[("a", 1)], None, []], pa.map_(pa.string(), pa.int8())),
    "null": ([None, None, None], pa.null()),
    "dictionary": (["a", None, "b"], pa.dictionary(pa.int8(), pa.string())),
}


@pytest.fixture(params=COLUMNS.values(), ids=COLUMNS)
def column(request):
    """Values, and their type."""
    return request.param


def test_slices(column):
    """A slice is what it shows."""
    values, kind = column
    whole = pa.array([values[0], *values, values[2]], kind)
    assert text(whole.slice(1, 3)) == text(pa.array(values, kind))


def test_chunks(column):
    """Chunks play no part."""
    values, kind = column
    one = pa.chunked_array([pa.array(values, kind)])
    other = pa.chunked_array([pa.array(values[:1], kind), pa.array([], kind), pa.array(values[1:], kind)])
    assert text(one) == text(other)
    assert text(pa.table({"a": one})) == text(pa.table({"a": other}))


def test_empty(column):
    """A column without rows has a text, however it came to be."""
    values, kind = column
    assert text(pa.chunked_array([], kind)) == text(pa.chunked_array([pa.array(values, kind).slice(3)]))


def test_values(column):
    """Another value is another text."""
    values, kind = column
    rest = [values[1], values[0], values[2]]
    if values != rest:
        assert text(pa.array(values, kind)) != text(pa.array(rest, kind))


def test_under_a_null():
    """What lies under a null plays no part."""
    mask = pa.array([True, False, True]).buffers()[1]
    one, other = (
        pa.Array.from_buffers(pa.int64(), 3, [mask, pa.array([1, hidden, 3]).buffers()[1]])
        for hidden in (0, 9)
    )
    assert text(one) == text(other)


@pytest.mark.parametrize(
    "other",
    [
        pa.table({"b": [1, 2]}),
        pa.table({"a": pa.array([1, 2], pa.int32())}),
        pa.table({"a": [1, 2, 3]}),
        pa.table({"a": [1, None]}),
        pa.table({"a": [1, 2], "b": [1, 2]}),
        pa.table({"a": [1, 2]}).replace_schema_metadata({"unit": "m"}),
        pa.table({"a": [1, 2]}, schema=pa.schema([pa.field("a", pa.int64(), nullable=False)])),
        pa.table({"a": [1, 2]}, schema=pa.schema([pa.field("a", pa.int64(), metadata={"unit": "m"})])),
        pa.record_batch({"a": [1, 2]}),
        pa.table({"a": pa.array([1, 2]).dictionary_encode()}),
    ],
    ids=[
        "name",
        "type",
        "rows",
        "null",
        "column",
        "metadata",
        "nullable",
        "metadata of a field",
        "batch",
        "dictionary",
    ],
)
def test_different_tables(other):
    """Tables that differ in anything but their memory have two texts."""
    assert text(pa.table({"a": [1, 2]})) != text(other)


def test_lists_are_not_mixed_up():
    """Where one list ends and the next begins counts, also beside empty ones and nulls."""
    lists = ([[1], [2, 3]], [[1, 2], [3]], [[1], [], [2, 3]], [[1], None, [2, 3]])
    assert len({text(pa.array(each)) for each in lists}) == len(lists)
