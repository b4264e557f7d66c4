"""Arrays, tables and frames."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import warnings

import attrs
import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from pegboard import Session, task
from pegboard_cache import Cache, Unstorable
from pegboard_cache.codec.msgpack import from_bytes, to_bytes


def again(value):
    return from_bytes(to_bytes(value))


ARRAYS = [
    np.arange(6).reshape(2, 3),
    np.asfortranarray(np.ones((3, 2))),
    np.arange(10)[::2],
    np.arange(3, dtype=">i4"),
    np.array(5),
    np.zeros((0, 3)),
    np.zeros(2, dtype=[("a", "i4"), ("b", "U3")]),
    np.array(["2020-01-01"], dtype="M8[s]"),
    np.array([1 + 2j]),
]
SCALARS = [
    np.float64(1.5),
    np.int8(-3),
    np.bool_(True),
    np.str_("x"),
    np.datetime64("2020-01-01", "ns"),
    np.zeros(1, dtype=[("a", "i4")])[0],
]


@pytest.mark.parametrize(
    "value", [*ARRAYS, *SCALARS], ids=lambda value: f"{type(value).__name__} {value.dtype}"
)
def test_numpy(value):
    """An array, or one number of numpy's, comes back with its type, shape and values; an array can be written to."""
    back = again(value)
    assert type(back) is type(value)
    assert (back.dtype, back.shape) == (value.dtype, value.shape)
    assert np.array_equal(back, value)
    assert not isinstance(value, np.ndarray) or back.flags.writeable


TABLES = [
    pa.table({"a": [1, 2, None], "s": ["x", "y", None]}).replace_schema_metadata({"k": "v"}),
    pa.table({"d": pa.array(["a", "b", "a"]).dictionary_encode()}),
    pa.table({}),
    pa.table({"v": pa.array(["x"], pa.string_view()), "u": pa.array([b"1" * 16], pa.uuid())}),
    pa.table({"a": [1, 2, 3]}).slice(1, 1),
    pa.table([[1], [2]], names=["a", "a"]),
    pa.table(
        {"a": pa.chunked_array([pa.array(["x"]).dictionary_encode(), pa.array(["y"]).dictionary_encode()])}
    ),
    pa.record_batch({"a": [1]}),
]


@pytest.mark.parametrize("value", TABLES, ids=lambda value: str(value.schema)[:30])
def test_pyarrow(value):
    """A table or a record batch comes back with its schema, metadata included."""
    back = again(value)
    assert type(back) is type(value)
    assert back.equals(value, check_metadata=True)


FRAMES = [
    pl.DataFrame({"a": [1, None], "s": ["x", "y"], "l": [[1], [2]], "d": [dt.date(2020, 1, 1)] * 2}),
    pl.DataFrame({"c": pl.Series(["a", "b"], dtype=pl.Categorical)}),
    pl.DataFrame({"e": pl.Series(["a", "b"], dtype=pl.Enum(["a", "b"]))}),
    pl.DataFrame({"s": [{"a": 1, "b": "x"}], "t": [dt.timedelta(1)], "b": [b"x"]}),
    pl.DataFrame(),
    pl.Series("n", [1, 2]),
    pl.Series([1.5]),
    pl.Series("big", [2**70], pl.Int128),
    pl.DataFrame({"a\0b": [1], "": [2]}),
    pl.concat([pl.Series("a", [1]), pl.Series("a", [2])], rechunk=False),
    pl.DataFrame(schema={"a": pl.Int8}),
]


@pytest.mark.parametrize("value", FRAMES, ids=lambda value: type(value).__name__)
def test_polars(value):
    """A frame or a series of polars comes back with its types."""
    back = again(value)
    assert type(back) is type(value)
    assert back.equals(value)
    assert str(getattr(back, "schema", back.dtype if isinstance(back, pl.Series) else None)) == str(
        getattr(value, "schema", value.dtype if isinstance(value, pl.Series) else None)
    )


@attrs.frozen
class Report:
    title: str
    cells: object


def test_inside_other_values():
    """Arrays and frames may be anywhere in a value."""
    back = again({"x": [np.arange(3), (np.int32(1),)], "r": Report("t", pl.DataFrame({"a": [1]}))})
    assert back["x"][0].tolist() == [0, 1, 2]
    assert type(back["x"][1][0]) is np.int32
    assert back["r"].cells.equals(pl.DataFrame({"a": [1]}))


with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    REFUSED = {
        "objects": np.array([object()], dtype=object),
        "objects inside": np.zeros(1, dtype=[("a", "i4"), ("o", object)]),
        "texts of any length": np.array(["a", "bcd"], dtype=np.dtypes.StringDType()),
        "dtype with metadata": np.zeros(1, dtype=np.dtype("i4", metadata={"k": 1})),
        "masked": np.ma.array([1, 2], mask=[0, 1]),
        "matrix": np.matrix([[1]]),
        "aligned fields": np.zeros(1, np.dtype([("a", "i1"), ("b", "f8")], align=True)),
        "bytes that end in a zero": np.bytes_(b"a\0"),
        "text that ends in a zero": np.str_("a\0"),
        "polars without width": pl.Series("a", [[]], pl.Array(pl.Int8, 0)),
        "polars objects": pl.DataFrame({"o": [object()]}),
        "polars objects inside": pl.Series("o", [object()]),
        "lazy": pl.LazyFrame({"a": [1]}),
        "dtype": np.dtype("i4"),
    }


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    """What would need a pickle, or come back as something else, is refused."""
    with pytest.raises(Unstorable):
        to_bytes(REFUSED[name])


def test_nothing_is_imported_for_others(tmp_path):
    """A cache of plain values imports none of these libraries, nor redis, nor obstore."""
    code = (
        "import sys; from pegboard import Session, task; from pegboard_cache import Cache, Caching\n"
        "@task(Cache())\ndef f(x): return {'x': (x, 1.5)}\n"
        "with Session(Caching(sys.argv[1]), inherit=False): f(1), f(1)\n"
        "found = {'numpy', 'pandas', 'polars', 'pyarrow', 'redis', 'obstore'} & set(sys.modules)\n"
        "assert not found, found"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path / "cache"], check=True)


def test_arrays_through_a_store(any_caching):
    """An array that a task returns is a hit in the next session."""

    @task(Cache())
    def body():
        return np.arange(1000.0)

    for _ in range(2):
        with Session(any_caching, inherit=False, strict=True):
            assert body().sum() == 499500.0
    assert any_caching.stats().hits == 1
