"""Formats of arrays, tables and frames, with the real libraries."""

from __future__ import annotations

import io
import pickle
import zipfile

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from pegboard_datasets import DatasetError, Datasets, MemoryStore


@pytest.fixture
def kept():
    """A plugin that keeps values in memory."""
    return Datasets(store=MemoryStore())


COLUMNS = {"n": [1, 2, 3], "x": [0.5, None, 2.5], "s": ["a", "b", None]}


@pytest.mark.parametrize("extension", ["parquet", "arrow", "feather"])
@pytest.mark.parametrize("value", [pl.DataFrame(COLUMNS), pa.table(COLUMNS)], ids=["polars", "arrow"])
def test_tables_come_back_equal(kept, value, extension) -> None:
    """Columns, types and gaps survive."""
    kept.save(f"a.{extension}", value)
    assert kept.load(f"a.{extension}", type(value)).equals(value)


@pytest.mark.parametrize("extension", ["parquet", "arrow", "feather"])
def test_pandas_frames_come_back_with_their_index(kept, extension) -> None:
    """The index travels among the metadata of the table."""
    frame = pd.DataFrame({"n": [1, 2]}, index=pd.Index(["p", "q"], name="k"))
    kept.save(f"a.{extension}", frame)
    pd.testing.assert_frame_equal(kept.load(f"a.{extension}", pd.DataFrame), frame)


def test_one_file_is_read_by_all(kept) -> None:
    """What pandas wrote is a frame for polars and a table for Arrow, and the other way round."""
    kept.save("a.parquet", pd.DataFrame({"n": [1, 2]}))
    assert kept.load("a.parquet", pl.DataFrame).to_dict(as_series=False) == {"n": [1, 2]}
    assert kept.load("a.parquet", pa.Table).to_pydict() == {"n": [1, 2]}
    kept.save("a.arrow", pl.DataFrame({"n": [1, 2]}))
    assert kept.load("a.arrow", pd.DataFrame)["n"].tolist() == [1, 2]


@pytest.mark.parametrize(
    "value",
    [pd.DataFrame({"n": [1, 2]}), pl.DataFrame({"n": [1, 2]}), pa.table({"n": [1, 2]})],
    ids=["pandas", "polars", "arrow"],
)
def test_csv_of_frames(kept, value) -> None:
    """All three write the same rows, and read them as their own type."""
    kept.save("a.csv", value)
    assert kept.catalog.store.get("a.csv").replace(b'"', b"") == b"n\n1\n2\n"
    assert kept.load("a.csv", type(value)).equals(value)


def test_csv_keeps_an_index_that_says_something(kept) -> None:
    """A count of rows is left out; any other index is written as a column, and not lost."""
    kept.save("a.csv", pd.DataFrame({"n": [1]}, index=pd.Index(["p"], name="k")))
    assert kept.catalog.store.get("a.csv") == b"k,n\np,1\n"


def test_arrays_come_back_with_type_and_shape(kept) -> None:
    """`.npy` keeps dtype, shape and order."""
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    kept.save("a.npy", array)
    back = kept.load("a.npy", np.ndarray)
    np.testing.assert_array_equal(back, array)
    assert back.dtype == array.dtype


def test_arrays_of_objects_are_refused(kept) -> None:
    """They would be pickled."""
    with pytest.raises(DatasetError, match="npy"):
        kept.save("a.npy", np.array([object()]))


class Bomb:
    """Leaves a mark when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


@pytest.mark.parametrize(
    ("key", "wanted"),
    [
        ("a.npy", np.ndarray),
        ("a.json", None),
        ("a.jsonl", None),
        ("a.csv", list),
        ("a.txt", None),
        ("a.bin", None),
        ("a.parquet", pd.DataFrame),
        ("a.parquet", pl.DataFrame),
        ("a.parquet", pa.Table),
        ("a.arrow", pd.DataFrame),
        ("a.arrow", pl.DataFrame),
        ("a.csv", pd.DataFrame),
        ("a.csv", pl.DataFrame),
        ("a.csv", pa.Table),
    ],
)
@pytest.mark.parametrize("form", ["pickle", "npy", "npz"])
def test_reading_runs_no_code(kept, tmp_path, key, wanted, form) -> None:
    """A pickle planted under any built-in format, bare or in an array, is not run."""
    flag = tmp_path / "flag"
    kept.catalog.store.put(key, planted(str(flag), form))
    try:
        kept.load(key, wanted)
    except DatasetError:
        pass  # and if it could be read as data, that is fine too
    assert not flag.exists()


def planted(flag, form):
    """A payload that would make the flag file."""
    if form == "pickle":
        return pickle.dumps(Bomb(flag))
    out = io.BytesIO()
    np.save(out, np.array([Bomb(flag)], dtype=object), allow_pickle=True)
    if form == "npy":
        return out.getvalue()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("x.npy", out.getvalue())
    return archive.getvalue()


def test_the_payload_would_have_worked(tmp_path) -> None:
    """The test above can fail: with pickle allowed, the payload makes the file."""
    flag = tmp_path / "flag"
    np.load(io.BytesIO(planted(str(flag), "npy")), allow_pickle=True)[0].close()
    assert flag.exists()


def test_a_damaged_file_is_an_error_of_datasets(kept) -> None:
    """Whatever the library raises is the cause, and the key is named."""
    kept.catalog.store.put("a.parquet", b"PAR1 not really")
    for wanted in (pd.DataFrame, pl.DataFrame, pa.Table):
        with pytest.raises(DatasetError, match=r"'a\.parquet'") as caught:
            kept.load("a.parquet", wanted)
        assert caught.value.__cause__ is not None
