"""CSV: what goes in comes out, row by row, in every format that has this extension."""

from __future__ import annotations

import csv
import dataclasses
import io

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pegboard_datasets import DatasetError, Datasets, MemoryStore

TEXTS = [
    "a\rb", "a\nb", "a\r\nb", "\r", "\n", "x\r", "\rx", 'a"b', '"', '""', "a,b", "", " ", "  ", "\t", "\0", "a\0b", "\u2028", "\u2029",
    "\x85", "\x0b", "\x0c", "\x1c", "\ufeff", "\ufeffa", "é", "😀", "'", "\\", "\\n", "#a", " lead", "trail ", ";", "=1+1", "-",
]  # fmt: skip


@pytest.fixture
def datasets():
    """An empty store."""
    return Datasets(store=MemoryStore())


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
@pytest.mark.parametrize("among", ["alone", "among others"])
def test_text_in_a_field(datasets, text, among):
    """A text is one field of one row, whatever is in it, alone in its row or not, and so is a name in the header."""
    more = {} if among == "alone" else {"n": "1"}
    datasets.save("a.csv", [{"text": text} | more, {"text": "last"} | more])
    assert datasets.load("a.csv", list) == [{"text": text} | more, {"text": "last"} | more]
    datasets.save("b.csv", [{text: "x"} | more])
    assert datasets.load("b.csv", list) == [{text: "x"} | more]


FRAMES = {
    "pandas": (pd.DataFrame, lambda frame: frame["text"].tolist()),
    "polars": (pl.DataFrame, lambda frame: frame["text"].to_list()),
    "pyarrow": (pa.table, lambda frame: frame["text"].to_pylist()),
}


@pytest.mark.parametrize("text", [text for text in TEXTS if text], ids=ascii)
@pytest.mark.parametrize("among", ["alone", "among others"])
@pytest.mark.parametrize(("make", "texts"), FRAMES.values(), ids=FRAMES)
def test_text_in_a_frame(datasets, make, texts, text, among):
    """So it is in a frame."""
    columns = {"text": [text, "x"]} | ({} if among == "alone" else {"n": [1, 2]})
    frame = make(columns)
    datasets.save("a.csv", frame)
    assert texts(datasets.load("a.csv", type(frame))) == [text, "x"]


def test_a_row_in_each_block(datasets):
    """A line break in a field is none of the rows', wherever a reader's block ends."""
    frame = pa.table({"text": [f"{'x' * (number % 97)}\n{number}" for number in range(100_000)]})
    datasets.save("a.csv", frame)
    assert datasets.load("a.csv", pa.Table).num_rows == 100_000


@given(st.lists(st.tuples(st.text(), st.none() | st.text()), max_size=4))
def test_any_text(rows):
    """Any texts come back, and None where it may be."""

    @dataclasses.dataclass
    class Pair:
        one: str
        other: str | None

    datasets, pairs = Datasets(store=MemoryStore()), [Pair(*row) for row in rows]
    datasets.save("a.csv", pairs)
    assert datasets.load("a.csv", list[Pair]) == pairs


@given(st.lists(st.tuples(st.text(), st.text(), st.integers()), min_size=1, max_size=4))
def test_others_can_read_it(rows):
    """A spreadsheet, or the standard library, reads the same."""
    datasets = Datasets(store=MemoryStore())
    datasets.save("a.csv", [["a", "b", "c"], *rows])
    text = datasets.catalog.store.get("a.csv").decode()
    expected = [["a", "b", "c"], *([str(each) for each in row] for row in rows)]
    assert list(csv.reader(io.StringIO(text, newline=""), strict=True)) == expected


@dataclasses.dataclass
class Optional:
    text: str | None
    number: int | None
    always: str = ""


@pytest.mark.parametrize(
    "row", [Optional(None, 1), Optional("", 1), Optional("a", None, "b"), Optional(None, None)]
)
def test_none_is_not_an_empty_text(datasets, row):
    """None and an empty text are two values, where the fields say that both may be."""
    datasets.save("a.csv", [row, row])
    assert datasets.load("a.csv", list[Optional]) == [row, row]


def test_none_alone_in_its_row(datasets):
    """A row of nothing but None is a row."""
    datasets.save("a.csv", [{"n": 1}, {"n": None}, {"n": 2}])
    assert datasets.load("a.csv", list[dict[str, int | None]]) == [{"n": 1}, {"n": None}, {"n": 2}]


OF_OTHERS = {
    "line ends of Windows": (b"a,b\r\n1,2\r\n", [{"a": "1", "b": "2"}]),
    "no last line end": (b"a,b\n1,2", [{"a": "1", "b": "2"}]),
    "byte order mark": (b"\xef\xbb\xbfa,b\n1,2\n", [{"a": "1", "b": "2"}]),
    "empty lines": (b"a,b\n\n1,2\n\n", [{"a": "1", "b": "2"}]),
    "empty fields": (b'a,b\n,""\n', [{"a": "", "b": ""}]),
    "last field empty": (b"a,b\n1,", [{"a": "1", "b": ""}]),
    "all in quotes": (b'"a","b"\n"1","x ""y"""\n', [{"a": "1", "b": 'x "y"'}]),
    "a quote in a field": (b'a,b\n5" pipe,2\n', [{"a": '5" pipe', "b": "2"}]),
    "nothing": (b"", []),
    "header only": (b"a,b\n", []),
}


@pytest.mark.parametrize(("data", "rows"), OF_OTHERS.values(), ids=OF_OTHERS)
def test_files_of_others(datasets, data, rows):
    """Files as other programs write them are read."""
    datasets.catalog.store.put("a.csv", data)
    assert datasets.load("a.csv", list) == rows


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"a,b\n1\n", "row 1 has 1 fields, and the header has 2"),
        (b"a,b\n1,2\n1,2,3\n", "row 2 has 3 fields, and the header has 2"),
        (b"a,a\n1,2\n", "one name twice"),
        (b'a,b\n1,"2\n', "a quote is not closed"),
        (b'a,b\n1,"2"x\n', "closed in the middle"),
    ],
)
def test_damaged_file(datasets, data, why):
    """A file whose rows would lose something is refused, with the place."""
    datasets.catalog.store.put("a.csv", data)
    with pytest.raises(DatasetError, match=why):
        datasets.load("a.csv", list)


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([["a"], [1, 2]], "row 1 has 2 fields"),
        ([["a", "a"], [1, 2]], "one name twice"),
        ([{"a": [1]}], "a list in a field"),
        ([{"a": {"b": 1}}], "a dict in a field"),
        ([{}], "no fields"),
        (["ab", "cd"], "row 0 is a str"),
        ([1], "row 0 is an int"),
        ([{"a": 1}, {"b": 1}], "row 1 has other fields"),
    ],
)
def test_what_does_not_fit(datasets, rows, why):
    """Rows that a file would not give back are refused, and nothing is written."""
    with pytest.raises(DatasetError, match=why):
        datasets.save("a.csv", rows)
    assert not datasets.exists("a.csv")
