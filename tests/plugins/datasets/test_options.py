"""Options: what is refused where it is written."""

from __future__ import annotations

import pickle

import pytest

from pegboard import ConfigError, InvalidTask, Session, UnsupportedTask, task
from pegboard_datasets import Dataset, InvalidKey, Load, Persist


@pytest.mark.parametrize("text", ["{x.y}", "{x[0]}", "{x!r}", "{x:>9}", "{}", "{x", "/x", "../x", ""])
def test_bad_templates_are_refused_at_decoration(text) -> None:
    """`Dataset` and `Load` check their templates where they are written."""
    with pytest.raises(InvalidKey):
        Dataset(text)
    with pytest.raises(InvalidKey):
        Load(sales=text)


@pytest.mark.parametrize("make", [lambda **k: Dataset("x.json", **k), Persist], ids=["Dataset", "Persist"])
def test_formats_and_stores_are_checked_at_decoration(make) -> None:
    """A format is a name; a store is a path, URL or store."""
    with pytest.raises(TypeError, match="name of a format"):
        make(format=3)
    with pytest.raises(TypeError, match="no Store"):
        make(store=3)
    with pytest.raises(ConfigError, match="password"):
        make(store="s3://key:secret@bucket")


@pytest.mark.parametrize("names", [(3,), ("a b",), ("",)], ids=repr)
def test_load_takes_names_of_parameters(names) -> None:
    """Anything else is refused."""
    with pytest.raises(TypeError, match="names of parameters"):
        Load(*names)


@pytest.mark.parametrize("option", [Dataset("x.json"), Persist()], ids=repr)
def test_a_sensitive_task_refuses_to_be_saved(option) -> None:
    """Its values are kept out of every store, so asking for one is refused at decoration."""
    with pytest.raises(InvalidTask, match="sensitive"):
        task(option, sensitive=True)(lambda: 1)


def test_a_default_passes_by_a_sensitive_task(datasets, root) -> None:
    """A session's default does not save what is sensitive."""
    kept = task(sensitive=True)(lambda: {"a": 1})
    with Session(datasets, defaults=[Dataset("x.json")], inherit=False):
        assert kept() == {"a": 1}
    assert not root.exists()


def test_a_stream_has_no_reference() -> None:
    """A generator yields items, so a reference cannot stand for its value: refused at decoration."""

    def items():
        yield 1

    with pytest.raises(UnsupportedTask):
        task(Persist())(items)


@pytest.mark.parametrize(
    "option",
    [Dataset("a/{x}.json", format="json", store="/data"), Persist("json"), Load("a", b="x/{c}.csv")],
    ids=repr,
)
def test_options_are_values(option) -> None:
    """Equal to their pickled copies, and hashable."""
    assert pickle.loads(pickle.dumps(option)) == option
    assert hash(pickle.loads(pickle.dumps(option))) == hash(option)


def test_options_bring_their_plugin(tmp_path, monkeypatch) -> None:
    """Without `Datasets` in the session, files are kept below the current folder."""
    monkeypatch.chdir(tmp_path)
    with Session(inherit=False):
        task(Dataset("out/x.json"))(lambda: [1])()
    assert (tmp_path / "out" / "x.json").read_text() == "[1]"


def test_a_session_names_a_store_for_all_its_tasks(datasets, root) -> None:
    """As a default of the session, the option serves every task whose parameters fit."""
    add = task(lambda a, b: a + b)
    with Session(datasets, defaults=[Dataset("sums/{a}-{b}.json")], inherit=False):
        assert add(1, 2) == 3
    assert (root / "sums" / "1-2.json").read_text() == "3"
