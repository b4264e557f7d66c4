"""Frames and series of pandas."""

from __future__ import annotations

import datetime as dt
import sys
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pegboard_cache import Unstorable
from pegboard_cache.codec.msgpack import from_bytes, to_bytes


def again(value):
    return from_bytes(to_bytes(value))


def dated(**options):
    return pd.date_range("2020", periods=2, **options)


FRAMES = {
    "texts and gaps": pd.DataFrame({"a": [1, 2], "s": ["x", None]}),
    "days": pd.DataFrame({"a": [1.0, 2.0]}, index=dated(freq="D")),
    "hours of a zone": pd.DataFrame({"a": [1.0, 2.0]}, index=dated(freq="h", tz="Europe/Berlin")),
    "dates as columns": pd.DataFrame([[1, 2]], columns=dated(freq="D")),
    "two levels": pd.DataFrame(
        {"a": [1, 2]}, index=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["x", "y"])
    ),
    "categories": pd.DataFrame({"c": pd.Categorical(["a", "b"], ordered=True)}),
    "numbered columns": pd.DataFrame([[1, 2], [3, 4]]),
    "named range": pd.DataFrame([[1]], columns=pd.RangeIndex(3, 4, name="n")),
    "named columns": pd.DataFrame([[1]], columns=pd.Index(["a"], name="n")),
    "empty": pd.DataFrame(),
    "periods": pd.DataFrame({"p": pd.period_range("2020", periods=2, freq="M")}),
    "nullable": pd.DataFrame({"a": pd.array([1, None], dtype="Int64")}),
    "small numbers": pd.DataFrame({"a": np.array([1], dtype="u1")}),
    "seconds": pd.DataFrame({"a": np.array(["2020"], dtype="M8[s]")}),
}


LABELS = {
    "count": pd.RangeIndex(2),
    "count backwards": pd.RangeIndex(4, 0, -2, name="n"),
    "numbers": pd.Index([3, 1], dtype="int32", name="n"),
    "floats": pd.Index([0.0, np.nan]),
    "texts": pd.Index(["a", "b"]),
    "same twice": pd.Index([1, 1]),
    "times": pd.date_range("2024", periods=2),
    "times without frequency": pd.DatetimeIndex(["2024-01-01", "2024-01-05"]),
    "zone": pd.date_range("2024", periods=2, tz="Europe/Berlin"),
    "offset": pd.date_range("2024", periods=2, tz="+02:00"),
    "spans": pd.timedelta_range("1D", periods=2),
    "periods": pd.period_range("2024", periods=2, freq="M"),
    "intervals": pd.interval_range(0, 2),
    "categories": pd.CategoricalIndex(["a", "b"], ordered=True),
    "levels": pd.MultiIndex.from_product([["a"], [1, 2]], names=["x", None]),
    "levels of one name": pd.MultiIndex.from_product([["a"], [1, 2]], names=["x", "x"]),
    "levels of times": pd.MultiIndex.from_product([["a"], pd.date_range("2024", periods=2)]),
    "levels of categories": pd.MultiIndex.from_arrays([pd.Categorical(["a", "b"]), [1, 2]]),
}


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_labels(labels):
    """An index comes back with its type, names and frequencies, those of its levels included."""
    frame = pd.DataFrame({"v": [1, 2]}, index=labels)
    back = again(frame)
    pd.testing.assert_frame_equal(back, frame, check_freq=True, check_exact=True, check_index_type="exact")
    if isinstance(labels, pd.MultiIndex):
        assert [getattr(each, "freq", None) for each in back.index.levels] == [
            getattr(each, "freq", None) for each in labels.levels
        ]


@pytest.mark.parametrize("name", FRAMES)
def test_frames(name):
    """A frame comes back with its types, labels, names and frequency."""
    pd.testing.assert_frame_equal(again(FRAMES[name]), FRAMES[name], check_freq=True, check_exact=True)


def test_attrs():
    """What is noted on a frame or a series comes back."""
    frame, series = pd.DataFrame({"a": [1]}), pd.Series([1])
    frame.attrs["unit"] = series.attrs["unit"] = "m"
    assert again(frame).attrs == again(series).attrs == {"unit": "m"}


@pytest.mark.parametrize(
    "series",
    [
        pd.Series([1, 2], name="n"),
        pd.Series([1.0, np.nan]),
        pd.Series([1], name=("a", 1)),
        pd.Series([1, 2], index=dated(freq="MS")),
        pd.Series(["x"], index=["y"], name=7),
    ],
    ids=str,
)
def test_series(series):
    """A series comes back, whatever its name."""
    pd.testing.assert_series_equal(again(series), series, check_freq=True, check_exact=True)


REFUSED = {
    "numbers as objects": pd.DataFrame({"a": pd.Series([1, 2], dtype=object)}),
    "mixed": pd.DataFrame({"a": [1, "x"]}),
    "two kinds of gap": pd.DataFrame({"a": pd.Series(["x", None, float("nan")], dtype=object)}),
    "lists": pd.DataFrame({"a": [[1], [2, 3]]}),
    "one name twice": pd.DataFrame([[1, 2]], columns=["a", "a"]),
    "complex": pd.DataFrame({"a": [1j]}),
    "sparse": pd.DataFrame({"a": pd.arrays.SparseArray([0, 1])}),
    "objects": pd.DataFrame({"a": [object()]}),
    "flagged": pd.DataFrame({"a": [1]}).set_flags(allows_duplicate_labels=False),
    "NaN among objects": pd.DataFrame({"a": [True, float("nan")]}, dtype=object),
    "nothing but NaN among objects": pd.Series([float("nan")] * 2, dtype=object),
    "NaT among objects": pd.Series([pd.NaT, "a"], dtype=object),
    "two spellings of a decimal": pd.Series([Decimal("1.10"), Decimal("1.1")]),
    "bytearrays": pd.Series([bytearray(b"a")], dtype=object),
    "numbers of numpy as objects": pd.Series([np.int64(1)], dtype=object),
    "tuples": pd.Series([(1,), (2, 3)], dtype=object),
    "sets": pd.Series([{1}], dtype=object),
    "names of two types": pd.DataFrame({1: [1], "2": [2]}),
    "periods as names": pd.DataFrame([[1, 2]], columns=pd.period_range("2024-01", "2024-02", freq="M")),
    "categories as names": pd.DataFrame([[1, 2]], columns=pd.CategoricalIndex(["a", "b"])),
    "intervals as names": pd.DataFrame([[1, 2]], columns=pd.interval_range(0, 2)),
    "categories of dates": pd.Series(pd.Categorical(pd.date_range("2024", periods=2))),
    "categories of intervals": pd.cut(pd.Series([1, 2, 3]), 2),
    "a zone with a name of its own": pd.Series(
        pd.to_datetime(["2024"]).tz_localize(dt.timezone(dt.timedelta(hours=2), "X"))
    ),
    "lists of Arrow": pd.Series([[1], [2]], dtype=pd.ArrowDtype(pa.list_(pa.int64()))),
    "a nullable index": pd.Series([1, 2], index=pd.Index([1, None], dtype="Int64")),
    "a number as the name of the index": pd.DataFrame({"a": [1]}, index=pd.Index([5], name=3)),
    "texts of Python": pd.Series(["a"], dtype="string[python]"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    """A frame that Arrow would give back as another one is refused, and the reason shows no value."""
    with pytest.raises(Unstorable, match="pandas") as caught:
        to_bytes(REFUSED[name])
    assert "Could not convert" not in str(caught.value)


CELLS = [st.integers(-(2**70), 2**70), st.floats(), st.text(), st.booleans(), st.none(), st.dates()]


@given(st.dictionaries(st.text(max_size=5), st.lists(st.one_of(CELLS), min_size=2, max_size=2), max_size=3))
def test_the_same_or_refused(columns):
    """Whatever the cells are, a frame comes back exactly, or is refused."""
    frame = pd.DataFrame(columns)
    try:
        back = again(frame)
    except Unstorable:
        return
    pd.testing.assert_frame_equal(back, frame, check_exact=True)


def test_without_pyarrow(monkeypatch):
    """A frame without pyarrow is refused, with what to install."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(Unstorable, match="arrow"):
        to_bytes(FRAMES["empty"])
