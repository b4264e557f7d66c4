"""Formats of plain data: what is in the files, and what comes back."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import json
from collections import OrderedDict

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pegboard_datasets import DatasetError, Datasets, MemoryStore

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=4)
    ),
    max_leaves=20,
)


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: int
    y: int = 0


@attrs.frozen
class Report:
    day: dt.date
    points: list[Point]
    colour: Colour = Colour.RED


class Model:
    """Written and read as pydantic's models are."""

    def __init__(self, **fields):
        self.fields = fields

    def model_dump(self, mode):
        return dict(self.fields)

    @classmethod
    def model_validate(cls, fields):
        return cls(**fields)


@pytest.fixture
def kept():
    """A plugin that keeps values in memory."""
    return Datasets(store=MemoryStore())


def raw(datasets, key):
    """The bytes of a file."""
    return datasets.catalog.store.get(key)


@given(PLAIN.filter(lambda value: not isinstance(value, str)))
def test_plain_data_comes_back_as_it_was(value) -> None:
    """What is persisted without naming a format is equal afterwards, type for type."""
    kept = Datasets(store=MemoryStore())
    back = kept.load(kept.persist(value))
    assert repr(back) == repr(value)


@pytest.mark.parametrize(
    "value",
    [
        {1: "a"},
        {"a": (1,)},
        [dt.date(2024, 1, 1)],
        [float("nan")],
        {"a": float("inf")},
        [2**64],
        [b"x"],
        [np.int64(1)],
        OrderedDict(a=1),
    ],
    ids=str,
)
def test_nothing_is_changed_silently_where_nobody_chose_json(kept, value, without_exact_values) -> None:
    """A value that JSON would give back as another is refused, with the type, unless JSON was asked for."""
    with pytest.raises(DatasetError, match="come back changed"):
        kept.persist(value)
    if value != [b"x"]:
        kept.persist(value, format="json")


def test_a_list_that_contains_itself_is_refused(kept) -> None:
    """No RecursionError leaves."""
    endless: list = []
    endless.append(endless)
    for name in (None, "json"):
        with pytest.raises(DatasetError):
            kept.persist(endless, format=name)


def test_json_is_what_others_write(kept) -> None:
    """A `.json` file is UTF-8 JSON."""
    kept.save("a.json", {"name": "Zoë", "n": [1, 2.5, None, True]})
    assert json.loads(raw(kept, "a.json").decode()) == {"name": "Zoë", "n": [1, 2.5, None, True]}


def test_json_takes_records_and_gives_them_back_by_type(kept) -> None:
    """Attrs classes, dataclasses, enums, dates and models are written by their fields, and read as the type asked for."""
    report = Report(dt.date(2024, 1, 31), [Point(1, 2)])
    kept.save("a.json", report)
    assert kept.load("a.json", Report) == report
    assert kept.load("a.json") == {"day": "2024-01-31", "points": [{"x": 1, "y": 2}], "colour": "red"}
    kept.save("m.json", [Model(a=1)])
    assert [model.fields for model in kept.load("m.json", list[Model])] == [{"a": 1}]


def test_json_takes_numpy_scalars(kept) -> None:
    """As the numbers that they are."""
    kept.save("a.json", {"n": np.int64(3), "x": np.float64(0.5), "b": np.bool_(True)})
    assert kept.load("a.json") == {"n": 3, "x": 0.5, "b": True}


def test_json_names_the_type_that_it_cannot_hold(kept) -> None:
    """The type inside is named, and no value."""
    with pytest.raises(DatasetError, match="it is or holds an Unknown") as caught:
        kept.save("a.json", {"canary": [type("Unknown", (), {})()]})
    assert "canary" not in str(caught.value)


def test_a_file_of_another_shape_is_an_error_of_datasets(kept) -> None:
    """What msgspec says about values stays in the cause."""
    kept.save("a.json", {"x": "canary"})
    with pytest.raises(DatasetError, match="cannot be read as json: ValidationError") as caught:
        kept.load("a.json", Point)
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is not None


def test_jsonl_is_one_value_a_line(kept) -> None:
    """Each item on its own line, read as a list; of a type, where one is asked for."""
    kept.save("a.jsonl", [Point(1, 2), Point(3)])
    assert raw(kept, "a.jsonl") == b'{"x":1,"y":2}\n{"x":3,"y":0}\n'
    assert kept.load("a.jsonl") == [{"x": 1, "y": 2}, {"x": 3, "y": 0}]
    assert kept.load("a.jsonl", list[Point]) == [Point(1, 2), Point(3)]


def test_text_is_utf8_as_it_is(kept) -> None:
    """No line end is changed, nothing is added."""
    kept.save("a.txt", "Zoë\r\n\n")
    assert raw(kept, "a.txt") == "Zoë\r\n\n".encode()
    assert kept.load("a.txt", str) == "Zoë\r\n\n"


def test_bytes_are_themselves(kept) -> None:
    """`.bin` holds the very bytes."""
    kept.save("a.bin", b"\0\xff")
    kept.save("b.bin", bytearray(b"\1"))
    assert (raw(kept, "a.bin"), kept.load("a.bin"), kept.load("b.bin", bytearray)) == (
        b"\0\xff",
        b"\0\xff",
        bytearray(b"\1"),
    )


def test_csv_of_records_has_a_header(kept) -> None:
    """Dicts and records become rows under their field names; read as text, or as records with their types."""
    kept.save("a.csv", [Point(1, 2), Point(3, 4)])
    assert raw(kept, "a.csv") == b"x,y\n1,2\n3,4\n"
    assert kept.load("a.csv", list) == [{"x": "1", "y": "2"}, {"x": "3", "y": "4"}]
    assert kept.load("a.csv", list[Point]) == [Point(1, 2), Point(3, 4)]


def test_csv_of_rows_is_written_as_it_stands(kept) -> None:
    """Lists of cells have no header of their own: the first row is one."""
    kept.save("a.csv", [["x", "y"], [1, 'a"b,c\nd']])
    assert kept.load("a.csv", list) == [{"x": "1", "y": 'a"b,c\nd'}]


@pytest.mark.parametrize(
    "rows", [[{"a": 1}, {"a": 1, "b": 2}], [{"a": 1}, {"b": 1}], [{"a": 1}, [1]]], ids=str
)
def test_csv_has_one_header(kept, rows) -> None:
    """A row with other fields is refused by its number: it would lose or shift cells."""
    with pytest.raises(DatasetError, match="row 1"):
        kept.save("a.csv", rows)


def test_an_empty_csv_is_an_empty_list(kept) -> None:
    """No rows, no header."""
    kept.save("a.csv", [])
    assert kept.load("a.csv", list) == []
