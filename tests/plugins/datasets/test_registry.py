"""The choice of a format: extension or name first, then type."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Annotated, Any, NewType

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from pegboard_datasets import Format, UnknownFormat
from pegboard_datasets._registry import Registry, class_of, extensions_of

FRAMES = {"pandas-": pd.DataFrame({"a": [1]}), "polars-": pl.DataFrame({"a": [1]}), "": pa.table({"a": [1]})}


@pytest.mark.parametrize(
    ("key", "value", "name"),
    [
        ("a.json", {}, "json"),
        ("a.JSON", [], "json"),
        ("a.json", object(), "json"),
        ("a.jsonl", [], "jsonl"),
        ("a.txt", "x", "text"),
        ("a.bin", b"x", "bytes"),
        ("a.csv", [], "csv"),
        ("report.2024.csv", [], "csv"),
        ("a.npy", np.zeros(2), "npy"),
        *[
            (f"a.{ext}", frame, f"{kind}{ext}")
            for kind, frame in FRAMES.items()
            for ext in ("parquet", "arrow")
        ],
        ("a.csv", FRAMES["pandas-"], "pandas-csv"),
        ("a.csv", FRAMES["polars-"], "polars-csv"),
        ("a.csv", FRAMES[""], "arrow-csv"),
        ("a", {}, "json"),
        ("a", OrderedDict(), "json"),
        ("a", 1, "json"),
        ("a", "x", "text"),
        ("a", b"x", "bytes"),
        ("a", np.zeros(2), "npy"),
        *[("a", frame, f"{kind}parquet") for kind, frame in FRAMES.items()],
    ],
)
def test_extension_first_then_type(key, value, name) -> None:
    """The extension narrows the formats down, the type decides; without one the type alone does."""
    assert Registry().choose(key).for_value(value).name == name


@pytest.mark.parametrize(
    ("asked", "name"), [("parquet", "pandas-parquet"), ("pandas-csv", "pandas-csv"), ("csv", "pandas-csv")]
)
def test_a_name_goes_before_the_extension(asked, name) -> None:
    """`format=` takes a format's name or an extension, and the key's own no longer counts."""
    assert Registry().choose("a.json", asked).for_value(FRAMES["pandas-"]).name == name


def test_an_unknown_extension_lists_the_known_ones() -> None:
    """A misspelt extension is no reason to guess by type."""
    with pytest.raises(UnknownFormat, match="'parqet'") as caught:
        Registry().choose("a.parqet")
    assert {"parquet", "json", "csv"} <= set(caught.value.candidates)


def test_an_unknown_name_lists_the_known_ones() -> None:
    """So with `format=`."""
    with pytest.raises(UnknownFormat) as caught:
        Registry().choose("a.json", "yaml")
    assert "pandas-parquet" in caught.value.candidates


def test_a_type_that_no_candidate_takes_lists_them() -> None:
    """The extension is known, and none of its formats takes the type."""
    with pytest.raises(UnknownFormat, match="of type int") as caught:
        Registry().choose("a.parquet").for_value(1)
    assert caught.value.candidates == ("parquet", "pandas-parquet", "polars-parquet")


def test_a_type_without_a_format_lists_the_defaults() -> None:
    """Without an extension a tuple has no format, as JSON would give back a list."""
    with pytest.raises(UnknownFormat, match="without an extension"):
        Registry().choose("a").for_value(())


@pytest.mark.parametrize(
    ("key", "wanted", "name"),
    [
        ("a.parquet", pd.DataFrame, "pandas-parquet"),
        ("a.parquet", pl.DataFrame, "polars-parquet"),
        ("a.parquet", pa.Table, "parquet"),
        ("a.parquet", pd.DataFrame | None, "pandas-parquet"),
        ("a.csv", list[dict[str, str]], "csv"),
        ("a.csv", Sequence, "csv"),
        ("a.json", None, "json"),
        ("a.json", Any, "json"),
        ("a.json", OrderedDict, "json"),
    ],
)
def test_reading_takes_the_format_that_gives_the_type(key, wanted, name) -> None:
    """The type that is wanted decides among formats of one extension."""
    assert Registry().choose(key).for_type(wanted).name == name


@pytest.mark.parametrize("wanted", [None, Any, pd.DataFrame | pl.DataFrame], ids=str)
def test_reading_without_a_type_is_ambiguous_where_several_fit(wanted) -> None:
    """Nothing is guessed: the candidates are listed."""
    with pytest.raises(
        UnknownFormat, match="may be any of: parquet, pandas-parquet, polars-parquet"
    ) as caught:
        Registry().choose("a.parquet").for_type(wanted)
    assert caught.value.candidates == ("parquet", "pandas-parquet", "polars-parquet")


def test_the_nearest_type_decides() -> None:
    """Of two formats the one for the class itself is taken, and not the one for its base."""
    formats = [
        Format(cls.__name__, (".x",), (cls,), repr, lambda data, _: data) for cls in (dict, OrderedDict)
    ]
    choice = Registry(formats).choose("a.x")
    assert [choice.for_value(cls()).name for cls in (dict, OrderedDict)] == ["dict", "OrderedDict"]
    assert [choice.for_type(cls).name for cls in (dict, OrderedDict)] == ["dict", "OrderedDict"]


def test_two_formats_that_fit_equally_are_ambiguous() -> None:
    """Two given formats of one extension and type: the error lists both."""
    twins = [Format(name, (".x",), (dict,), repr, lambda data, _: data) for name in ("one", "two")]
    with pytest.raises(UnknownFormat) as caught:
        Registry(twins).choose("a.x").for_value({})
    assert caught.value.candidates == ("one", "two")


def test_given_formats_go_before_built_in_ones() -> None:
    """A plugin's own format for `.json` serves its types, and the built-in one all others."""
    mine = Format("my-json", (".json",), (dict,), lambda _: b"", lambda data, _: data)
    choice = Registry([mine]).choose("a.json")
    assert choice.for_value({}).name == "my-json"
    assert choice.for_value([]).name == "json"


def test_pickle_is_never_chosen_unasked() -> None:
    """Without opting in there is no `.pkl`, and the error says how to."""
    with pytest.raises(UnknownFormat, match=r"pickle_format\(key\)"):
        Registry().choose("a.pkl")


def test_a_reference_names_its_format_exactly() -> None:
    """What a reference carries is the name of one format, not an extension."""
    assert Registry().named("pandas-csv").name == "pandas-csv"
    with pytest.raises(UnknownFormat):
        Registry().named("txt")


def test_extensions_are_tried_from_the_longest() -> None:
    """`a.b.csv` may be `.b.csv` or `.csv`; a hidden file's name is no extension."""
    assert list(extensions_of("x.y/a.B.csv")) == ["b.csv", "csv"]
    assert list(extensions_of("x/.hidden")) == []


@pytest.mark.parametrize(
    ("wanted", "cls"),
    [
        (int, int),
        (list[int], list),
        (list[int] | None, list),
        (Annotated[dict[str, int], "x"], dict),
        (NewType("Day", str), str),
        (None, None),
        (Any, None),
        (object, None),
        (int | str, None),
    ],
    ids=str,
)
def test_the_class_behind_a_type(wanted, cls) -> None:
    """Aliases, options and new types have one class; Any and unions of several have none."""
    assert class_of(wanted) is cls
