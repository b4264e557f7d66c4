"""What a cache keeps, `Persist` takes: values that no other format gives back as they are."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import decimal
import enum
import pathlib
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from types import FunctionType
from typing import Any, NamedTuple, Protocol

import attrs
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pydantic
import pytest

from pegboard import BindError, Cache, Caching, Dataset, Datasets, Load, Persist, Session, task
from pegboard_cache.codec.exact import EXACT
from pegboard_datasets import DatasetError, LocalStore, MemoryStore


@dataclasses.dataclass
class Row:
    a: tuple[int, ...]


@attrs.frozen
class Frozen:
    a: int


class Pair(NamedTuple):
    a: int
    b: str


class Colour(enum.Enum):
    RED = 1


class Model(pydantic.BaseModel):
    a: int


VALUES = {
    "None": None,
    "large int": 2**70,
    "NaN": float("nan"),
    "tuple": (1, "a"),
    "set": {1, 2},
    "frozenset": frozenset({1}),
    "bytes": b"x",
    "bytearray": bytearray(b"x"),
    "keys of other types": {1: "a", (2,): "b"},
    "complex": 1j,
    "range": range(3),
    "time": dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
    "date": dt.date(2024, 1, 1),
    "span": dt.timedelta(1),
    "decimal": decimal.Decimal("1.10"),
    "uuid": uuid.UUID(int=5),
    "path": pathlib.PurePosixPath("a"),
    "dataclass": Row((1, 2)),
    "attrs": Frozen(1),
    "named tuple": Pair(1, "b"),
    "enum": Colour.RED,
    "model": Model(a=1),
    "nested": [{"a": (1, dt.date(2024, 1, 1))}],
    "arrays in a list": [np.arange(3)],
    "scalar": np.float32(1.5),
    "text of numpy": np.str_("a"),
    "array": np.arange(3),
    "series": pd.Series([1, 2], name="a"),
    "numbers as names": pd.DataFrame({1: [1], 2: [2]}),
    "a count as names": pd.DataFrame([[1, 2]]),
    "frequency": pd.DataFrame({"a": [1, 2]}, index=pd.date_range("2024", periods=2, tz="UTC")),
    "empty frame": pd.DataFrame(index=[1, 2]),
    "frame": pd.DataFrame({"a": [1, 2]}),
    "series of polars": pl.Series("a", [1]),
    "category of polars": pl.DataFrame({"a": pl.Series(["x"], dtype=pl.Categorical)}),
    "batch": pa.record_batch({"a": [1]}),
    "metadata": pa.table({"a": [1]}).replace_schema_metadata({"unit": "m"}),
}
REFUSED = {
    "lock": threading.Lock(),
    "NaN among objects": pd.DataFrame({"a": [True, float("nan")]}, dtype=object),
    "subclass of list": type("Items", (list,), {})([1]),
    "masked": np.ma.array([1, 2], mask=[0, 1]),
    "function": len,
}


@pytest.fixture(params=["memory", "folder"])
def datasets(request, tmp_path):
    """An empty store of datasets."""
    return Datasets(store=MemoryStore() if request.param == "memory" else LocalStore(tmp_path / "kept"))


@pytest.fixture(params=["sync", "async"])
def persisted(request):
    """Return what a task with these options gives for a value: a task of each colour."""

    def call(value, *options):
        async def coroutine():
            return value

        made = task(Persist(), *options)(coroutine if request.param == "async" else lambda: value)()
        return asyncio.run(made) if request.param == "async" else made

    return call


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_persist_takes_what_a_cache_keeps(datasets, persisted, value):
    """Whatever a cache keeps comes back from its reference as it was, in a task, too."""

    @task(Load())
    def loaded(value):
        return value

    with Session(datasets, inherit=False, strict=True):
        ref = persisted(value)
        assert EXACT.same(ref.load(), value)
        assert EXACT.same(loaded(ref), value)


@pytest.mark.parametrize("value", REFUSED.values(), ids=REFUSED)
def test_persist_refuses_what_a_cache_refuses(datasets, persisted, value):
    """What would come back as another value is refused, and nothing is written."""
    with Session(datasets, inherit=False), pytest.raises(DatasetError):
        persisted(value)


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_a_hit_is_the_reference(datasets, tmp_path, value):
    """With `Cache` on the same task the value is written once, and a hit gives the same reference."""
    runs = []
    made = task(Persist(), Cache())(lambda: runs.append(1) or value)
    with Session(datasets, Caching(tmp_path / "cache"), inherit=False, strict=True):
        first, second = made(), made()
        assert first == second
        assert EXACT.same(second.load(), value)
    assert len(runs) == 1


READER = """
import sys, pickle, datetime
ref = pickle.loads(bytes.fromhex(sys.argv[1]))
print(ref.load() == (1, datetime.date(2024, 1, 1)))
"""


def test_another_process_reads_it(tmp_path):
    """A reference to such a value leads there from another process, too."""
    import pickle

    ref = Datasets(tmp_path / "kept").persist((1, dt.date(2024, 1, 1)))
    done = subprocess.check_output([sys.executable, "-c", READER, pickle.dumps(ref).hex()], text=True)
    assert done == "True\n"


def test_a_class_that_is_not_imported(tmp_path):
    """Where the class of a value is not imported, the error says so."""
    import pickle

    (tmp_path / "records.py").write_text(
        "import dataclasses\n@dataclasses.dataclass\nclass Row:\n    a: int\n"
    )
    write = "import sys, records; from pegboard import Datasets; print(__import__('pickle').dumps(Datasets(sys.argv[1]).persist(records.Row(1))).hex())"
    command = [sys.executable, "-c", write, str(tmp_path / "kept")]
    ref = pickle.loads(bytes.fromhex(subprocess.check_output(command, cwd=tmp_path, text=True)))
    with pytest.raises(DatasetError, match="not imported here"):
        ref.load()


class Plain:
    """Neither a record nor anything else that is kept."""


class Animal:
    """One whose subclass is a record."""


@dataclasses.dataclass
class Dog(Animal):
    name: str


class Shape(Protocol):
    sides: int


def bound(option, annotation, *, is_async=False, text=False):
    """Bind a task whose result is annotated so."""

    async def coroutine():
        raise AssertionError("it runs")

    def function():
        raise AssertionError("it runs")

    body = coroutine if is_async else function
    body.__annotations__["return"] = annotation.__name__ if text else annotation
    with Session(Datasets(store=MemoryStore()), inherit=False) as session:
        session.plan_for(task(option)(body))


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize(
    "annotation",
    [Plain, socket.socket, threading.Event, FunctionType, Iterator[int], Plain | None],
    ids=["plain class", "socket", "event", "function", "iterator", "optional"],
)
def test_persist_refuses_at_bind_what_can_never_be_kept(annotation, is_async):
    """A task annotated with a type that nobody keeps does not run in vain: it is refused when it is bound."""
    with pytest.raises(BindError, match="cannot hold a value of type"):
        bound(Persist(), annotation, is_async=is_async)


@pytest.mark.parametrize(
    ("option", "annotation"),
    [
        (Persist("parquet"), dict),
        (Persist("npy"), pd.DataFrame),
        (Dataset("a.parquet"), dict[str, int]),
        (Dataset("a.txt"), int),
        (Dataset("a.csv"), dict),
    ],
    ids=str,
)
def test_a_format_that_never_fits_is_refused_at_bind(option, annotation):
    """So is a format that takes no value of the annotated type."""
    with pytest.raises(BindError, match="cannot hold a value of type"):
        bound(option, annotation)


def test_annotations_that_are_text_count_as_well():
    """As under `from __future__ import annotations`."""
    with pytest.raises(BindError, match="Plain"):
        bound(Persist(), Plain, text=True)


@pytest.mark.parametrize(
    "annotation",
    [
        *(int, tuple[int, ...], Row, Frozen, Model, Colour, Pair, np.ndarray, pd.Series, pl.DataFrame),
        *(Any, object, None, Row | None, int | str, Mapping[str, int], Shape, Animal, "nowhere.Class"),
        Callable[[], int] | dict,
    ],
    ids=str,
)
def test_what_may_be_kept_is_bound(annotation):
    """A type that is kept, or of which nobody knows yet, is left to the call."""
    bound(Persist(), annotation)
    bound(Dataset("a.json"), annotation)


def test_files_of_the_exact_format(tmp_path):
    """It may be asked for by name and by extension, like any other."""
    datasets = Datasets(tmp_path)
    datasets.save("a.exact", {1: (2,)})
    datasets.save("b.bin", {1: (2,)}, format="exact")
    assert datasets.load("a.exact") == datasets.load("b.bin", format="exact") == {1: (2,)}
    assert datasets.persist([1]).format == "json"  # what others can read stays so
