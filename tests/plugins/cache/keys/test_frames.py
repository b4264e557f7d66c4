"""Frames and series in keys."""

from __future__ import annotations

import decimal
import threading

import numpy as np
import pandas as pd
import polars as pl
import pytest

from pegboard_cache.keys.encoder import Unhashable, canonical


def text(value):
    return canonical((value,))


def added(**columns):
    """A frame to which its columns were added one by one, so that each is a block of its own."""
    frame = pd.DataFrame(index=range(2))
    for name, values in columns.items():
        frame[name] = values
    return frame


PAIR = {"a": [1, 2], "b": [3, 4]}
THREE = pd.DataFrame({"a": [1, 9, 2], "t": ["x", "y", "z"]})
TIMES = pd.date_range("2024-01-01", periods=3, tz="Europe/Berlin")

EQUAL = {
    "column added": (pd.DataFrame(PAIR), added(**PAIR)),
    "transposed": (pd.DataFrame(PAIR), pd.DataFrame(np.array([[1, 2], [3, 4]], "i8"), index=["a", "b"]).T),
    "every other row": (THREE[::2].copy(), THREE[::2]),
    "rows dropped": (pd.DataFrame({"t": ["x", "y"]}), THREE[["t"]].iloc[:2]),
    "series of a frame": (pd.Series([1, 9, 2], name="a"), THREE["a"]),
    "nullable": (pd.Series([1, None], dtype="Int64"), pd.Series([1, 7], dtype="Int64").mask([False, True])),
    "texts": (pd.Series(["x", "z"], index=pd.RangeIndex(0, 3, 2)), pd.Series(["x", "y", "z"])[::2]),
    "categories": (pd.Series(["a", "b"], dtype="category"), pd.Series(["a", "b", "a"], dtype="category")[:2]),
    "times": (pd.Series(TIMES[:2]), pd.Series(TIMES)[:2]),
    "unused level": (
        pd.DataFrame({"v": [1]}, index=pd.MultiIndex.from_tuples([("a", 1)])),
        pd.DataFrame({"v": [1, 2]}, index=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)]))[:1],
    ),
    "arrow": (pd.Series([1, 2], dtype="int64[pyarrow]"), pd.Series([1, 2, 3], dtype="int64[pyarrow]")[:2]),
    "polars, chunks": (
        pl.DataFrame({"a": [1, 2], "t": ["x", None]}),
        pl.concat(
            [
                pl.DataFrame({"a": [1], "t": ["x"]}),
                pl.DataFrame({"a": [2], "t": [None]}, {"a": pl.Int64, "t": pl.String}),
            ],
            rechunk=False,
        ),
    ),
    "polars, slice": (pl.DataFrame(PAIR), pl.DataFrame({"a": [0, 1, 2], "b": [0, 3, 4]})[1:]),
    "polars, series": (pl.Series("a", ["x", "y"]), pl.Series("a", ["x", "y", "z"]).head(2)),
    "polars, every other": (pl.Series("a", [1, 3]), pl.Series("a", [1, 2, 3]).gather_every(2)),
}


@pytest.mark.parametrize(("one", "other"), EQUAL.values(), ids=EQUAL)
def test_other_memory(one, other):
    """Equal frames of equal types have one text, however they came to be."""
    assert one.equals(other)
    assert text(one) == text(other)


def with_attrs(frame, **attrs):
    frame.attrs = attrs
    return frame


class Tagged(pd.DataFrame):
    """A subclass with an attribute, as pandas has them made."""

    _metadata = ("tag",)


def tagged(tag):
    made = Tagged(PAIR)
    made.tag = tag
    return made


DIFFERENT = {
    "value": (pd.DataFrame(PAIR), pd.DataFrame({"a": [1, 2], "b": [3, 5]})),
    "type": (pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [1.0]})),
    "name": (pd.DataFrame({"a": [1]}), pd.DataFrame({"b": [1]})),
    "type of a name": (pd.DataFrame({1: [1]}), pd.DataFrame({"1": [1]})),
    "index": (pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [1]}, index=[1])),
    "type of the index": (pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [1]}, index=[0])),
    "name of the index": (pd.Series([1]), pd.Series([1], index=pd.RangeIndex(1, name="n"))),
    "frequency": (
        pd.Series([1, 2, 3], index=TIMES),
        pd.Series([1, 2, 3], index=pd.DatetimeIndex(list(TIMES))),
    ),
    "zone": (pd.Series(TIMES), pd.Series(TIMES.tz_convert("UTC"))),
    "unit": (pd.Series(TIMES.as_unit("ns")), pd.Series(TIMES.as_unit("s"))),
    "attrs": (with_attrs(pd.DataFrame(PAIR), unit="m"), with_attrs(pd.DataFrame(PAIR), unit="km")),
    "flags": (pd.DataFrame(PAIR), pd.DataFrame(PAIR).set_flags(allows_duplicate_labels=False)),
    "attribute of a subclass": (tagged("m"), tagged("km")),
    "None and NaN": (pd.Series([None], dtype=object), pd.Series([float("nan")], dtype=object)),
    "True and 1": (pd.Series([True], dtype=object), pd.Series([1], dtype=object)),
    "order of categories": (
        pd.Series(pd.Categorical(["a"], ["a", "b"])),
        pd.Series(pd.Categorical(["a"], ["b", "a"])),
    ),
    "ordered": (pd.Series(pd.Categorical(["a"], ordered=True)), pd.Series(pd.Categorical(["a"]))),
    "missing": (pd.Series([1, None], dtype="Int64"), pd.Series([1, 0], dtype="Int64")),
    "storage": (pd.Series(["a"], dtype="string[python]"), pd.Series(["a"], dtype="string[pyarrow]")),
    "interval": (pd.Series(pd.interval_range(0, 2)), pd.Series(pd.interval_range(0, 2, closed="left"))),
    "sparse": (pd.Series([0, 1], dtype="Sparse[int]"), pd.Series([1, 0], dtype="Sparse[int]")),
    "frame and series": (pd.DataFrame({"a": [1]}), pd.Series([1], name="a")),
    "polars, name": (pl.Series("a", [1]), pl.Series("b", [1])),
    "polars, type": (pl.Series("a", [1], pl.Int64), pl.Series("a", [1], pl.Int32)),
    "polars, null": (pl.Series("a", [0]), pl.Series("a", [None], pl.Int64)),
    "polars, category": (pl.Series("a", ["x"]), pl.Series("a", ["x"], pl.Categorical)),
    "polars, enum": (pl.Series("a", ["x"], pl.Enum(["x", "y"])), pl.Series("a", ["x"], pl.Enum(["y", "x"]))),
    "polars, zone": (
        pl.Series("a", [0], pl.Datetime("us", "UTC")),
        pl.Series("a", [0], pl.Datetime("us")),
    ),
    "polars, decimal": (pl.Series("a", [decimal.Decimal("1.0")]), pl.Series("a", [decimal.Decimal("1.00")])),
    "polars, objects": (pl.Series("a", [(1,)], pl.Object), pl.Series("a", [(2,)], pl.Object)),
    "polars, frame and series": (pl.DataFrame({"a": [1]}), pl.Series("a", [1])),
    "libraries": (pl.DataFrame({"a": [1]}), pd.DataFrame({"a": [1]})),
}


@pytest.mark.parametrize(("one", "other"), DIFFERENT.values(), ids=DIFFERENT)
def test_different(one, other):
    """Frames that differ in anything but their memory have two texts."""
    assert text(one) != text(other)


@pytest.mark.parametrize(
    "make", [pd.Series, lambda values: pl.Series(values, dtype=pl.Object)], ids=["pandas", "polars"]
)
def test_of_what_has_no_text(make):
    """A frame of what cannot be hashed is refused."""
    with pytest.raises(Unhashable):
        text(make([threading.Lock()]))
