"""The plugin itself: loaders by key, and how it is set up."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Sequence

import pandas as pd
import pytest

from pegboard import ConfigError, MissingPlugin, PegboardError, Session, task
from pegboard_datasets import (
    Dataset,
    DatasetError,
    DatasetNotFound,
    Datasets,
    Format,
    MemoryStore,
    Persist,
    UnknownFormat,
)


@dataclasses.dataclass
class Row:
    a: int


class Token(bytes):
    pass


def test_what_was_saved_is_loaded_as_the_type_asked_for(datasets) -> None:
    """`save(key, value)` and `load(key, Type)`, also outside of sessions."""
    datasets.save("rows.json", [Row(1)])
    assert datasets.load("rows.json", list[Row]) == [Row(1)]
    assert datasets.load("rows.json") == [{"a": 1}]
    assert datasets.load("rows.json", Sequence | None) == [{"a": 1}]
    datasets.save("rows.csv", pd.DataFrame({"a": [1]}))
    assert datasets.load("rows.csv", pd.DataFrame)["a"].tolist() == [1]


def test_a_value_of_another_type_is_an_error(datasets) -> None:
    """What is in the file is named, and what was wanted."""
    datasets.save("a.bin", b"x")
    with pytest.raises(DatasetError, match="cannot hold a value of type int"):
        datasets.load("a.bin", int)
    with pytest.raises(DatasetError, match="holds a value of type bytes, and Token is wanted"):
        datasets.load("a.bin", Token)


def test_a_missing_key_is_like_a_key_error(datasets, root) -> None:
    """It is a KeyError, names the key, and its text is no repr."""
    with pytest.raises(KeyError) as caught:
        datasets.load("no/such.json")
    assert isinstance(caught.value, DatasetNotFound)
    assert isinstance(caught.value, PegboardError)
    assert str(caught.value).startswith(f"there is no dataset 'no/such.json' in {root}.")
    assert (caught.value.key, caught.value.store, caught.value.retryable) == (
        "no/such.json",
        str(root),
        False,
    )


def test_nothing_is_made_by_looking(datasets, root) -> None:
    """Neither a plugin nor a question makes a folder."""
    assert not datasets.exists("a.json")
    assert not datasets.delete("a.json")
    assert not root.exists()


def test_values_are_found_and_removed_by_key(datasets) -> None:
    """`exists` and `delete` tell what there was."""
    datasets.save("a.json", 1)
    assert datasets.exists("a.json")
    assert datasets.delete("a.json")
    assert not datasets.exists("a.json")


def test_a_format_may_be_named_for_a_key(datasets) -> None:
    """Where the extension does not tell."""
    datasets.save("a.data", [1], format="json")
    assert datasets.load("a.data", format="json") == [1]
    with pytest.raises(UnknownFormat, match="'data'"):
        datasets.load("a.data")


def test_a_format_of_ones_own(tmp_path) -> None:
    """`Datasets(formats=[...])` adds one, for keys, tasks and artifacts."""
    lines = Format(
        "lines",
        (".lst",),
        (set,),
        lambda v: "\n".join(sorted(v)).encode(),
        lambda d, _: set(d.decode().split()),
        default=True,
    )
    datasets = Datasets(tmp_path, formats=[lines])
    datasets.save("a.lst", {"b", "a"})
    assert (tmp_path / "a.lst").read_text() == "a\nb"
    with Session(datasets, inherit=False):
        ref = task(Persist())(lambda: {"x"})()
        assert (ref.format, ref.load(set)) == ("lines", {"x"})


def test_a_format_that_gives_no_bytes_is_told(tmp_path) -> None:
    """Instead of writing what is no file."""
    broken = Format("broken", (".b",), (set,), lambda value: "text", lambda data, _: data)
    with pytest.raises(DatasetError, match="gave a str instead of bytes"):
        Datasets(tmp_path, formats=[broken]).save("a.b", {1})
    assert list(tmp_path.iterdir()) == []


def test_a_library_that_is_missing_is_named_with_its_extra() -> None:
    """`pip install 'pegboard[datasets-numpy]'` is the way out."""
    code = (
        "import sys; sys.modules['numpy'] = None\n"
        "from pegboard_datasets import Datasets, MemoryStore\n"
        "d = Datasets(store=MemoryStore()); d.catalog.store.put('a.npy', b'x'); d.load('a.npy')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "numpy is not installed: pip install 'pegboard[datasets-numpy]'" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: Datasets("a", store="b"), ConfigError, "got both"),
        (lambda: Datasets("s3://bucket"), ConfigError, "store='s3://bucket'"),
        (lambda: Datasets(""), ConfigError, "no path"),
        (lambda: Datasets(3), TypeError, "no Store"),
        (lambda: Datasets(store=MemoryStore), TypeError, "parentheses"),
        (lambda: Datasets(formats=["yaml"]), TypeError, "Format"),
    ],
    ids=["both", "url as root", "empty", "number", "class", "format"],
)
def test_a_plugin_that_cannot_work_is_refused(make, error, text) -> None:
    """Where it is made, and with a way out."""
    with pytest.raises(error, match=text):
        make()


def test_one_instance_serves_two_sessions(root) -> None:
    """One after the other, and one inside the other."""
    datasets = Datasets(root)
    work = task(Dataset("{x}.json"))(lambda x: x)
    with Session(datasets, inherit=False):
        work(1)
        with Session():
            work(2)
    with Session(datasets, inherit=False):
        work(3)
    assert sorted(path.name for path in root.iterdir()) == ["1.json", "2.json", "3.json"]


def test_an_inner_session_may_keep_elsewhere(tmp_path) -> None:
    """Replaced by name, and told by the same events."""
    work = task(Dataset("x.json"))(lambda: 1)
    with Session(Datasets(tmp_path / "outer"), inherit=False):
        with Session(Datasets(tmp_path / "inner")):
            work()
        assert not (tmp_path / "outer").exists()
        work()
    assert (tmp_path / "inner" / "x.json").exists()
    assert (tmp_path / "outer" / "x.json").exists()


def test_a_strict_session_wants_the_plugin() -> None:
    """`strict_plugins` refuses an option whose plugin is not attached."""
    with Session(strict_plugins=True, inherit=False), pytest.raises(MissingPlugin):
        task(Dataset("x.json"))(lambda: 1)()


def test_the_repr_names_the_place(root) -> None:
    """And nothing else."""
    assert repr(Datasets(root)) == f"Datasets({str(root)!r})"
