"""References: what they carry, and where they can be loaded."""

from __future__ import annotations

import pickle
import subprocess
import sys

import attrs
import pandas as pd
import pytest

from pegboard import Session, task
from pegboard_datasets import (
    ArtifactRef,
    DatasetError,
    DatasetNotFound,
    Datasets,
    InvalidKey,
    Load,
    MemoryStore,
    Persist,
    UnknownFormat,
    pickle_format,
)


@pytest.fixture
def ref(datasets):
    """A reference to a dict in a file."""
    return datasets.persist({"n": 1})


def test_a_reference_is_text_and_numbers(ref, root) -> None:
    """Equal to its pickled copy, hashable, and free of the value."""
    assert all(type(value) in {str, int} for value in attrs.astuple(ref))
    assert pickle.loads(pickle.dumps(ref)) == ref
    assert hash(ref) == hash(pickle.loads(pickle.dumps(ref)))
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        ref.key = "x"


def test_equal_content_has_equal_references(datasets, ref) -> None:
    """The digest is that of the bytes, so a cache of what follows works."""
    assert datasets.persist({"n": 1}) == ref
    assert datasets.persist({"n": 2}) != ref


LOAD = """
import pickle, sys
ref = pickle.loads(bytes.fromhex(sys.argv[1]))
print(ref.load())
"""


def test_another_process_loads_it(ref, tmp_path) -> None:
    """Without a session, from another folder: the reference knows its store."""
    loaded = subprocess.check_output(
        [sys.executable, "-c", LOAD, pickle.dumps(ref).hex()], text=True, cwd=tmp_path
    )
    assert loaded == "{'n': 1}\n"


def test_it_is_loaded_as_the_type_asked_for(datasets) -> None:
    """As with keys."""
    frame = pd.DataFrame({"n": [1, 2]})
    ref = datasets.persist(frame)
    assert ref.format == "pandas-parquet"
    pd.testing.assert_frame_equal(ref.load(pd.DataFrame), frame)
    pd.testing.assert_frame_equal(ref.load(), frame)
    with pytest.raises(DatasetError, match="type DataFrame, and dict is wanted"):
        ref.load(dict)


def test_a_missing_artifact_is_not_found(ref, datasets) -> None:
    """Removed since, it is a KeyError that names the key."""
    datasets.delete(ref.key)
    with pytest.raises(DatasetNotFound, match=ref.key) as caught:
        ref.load()
    assert isinstance(caught.value, KeyError)


def test_an_artifact_that_changed_is_not_read(ref, root) -> None:
    """The digest is checked before anything is decoded."""
    (root / ref.key).write_bytes(b'{"n":2}')
    with pytest.raises(DatasetError, match="has changed"):
        ref.load()


def test_a_store_in_memory_is_found_by_its_session() -> None:
    """In the session it loads; elsewhere the error says how; and a store can be given, as there is no process-wide one."""
    store = MemoryStore()
    with Session(Datasets(store=store), inherit=False):
        ref = task(Persist())(lambda: [1])()
        assert ref.load() == [1]
        assert task(lambda ref: ref.load())(ref) == [1]
    with pytest.raises(DatasetError, match=r"ref\.load\(store=\.\.\.\)"):
        ref.load()
    with Session(Datasets(store=MemoryStore()), inherit=False), pytest.raises(DatasetError):
        ref.load()
    assert ref.load(store=store) == [1]


def test_a_store_of_the_tasks_own_is_found_too() -> None:
    """What `Persist(store=...)` keeps there, the session's plugin knows."""
    store = MemoryStore()
    with Session(Datasets(store=MemoryStore()), inherit=False):
        ref = task(Persist(store=store))(lambda: [1])()
        assert ref.store == store.address
        assert ref.load() == [1]
        assert task(Load())(lambda x: x)(ref) == [1]


def test_a_store_without_an_address_to_open_is_given(refusing) -> None:
    """A store of one's own is not opened by its name."""
    ref = ArtifactRef("x.json", "json", 1, "", refusing.address)
    with pytest.raises(DatasetError, match="'refusing'"):
        ref.load()
    with pytest.raises(DatasetNotFound):
        ref.load(store=refusing)


def test_a_format_that_is_not_known_here_is_named() -> None:
    """Pickle is read only where it was opted in."""
    store = MemoryStore()
    with Session(Datasets(store=store, formats=[pickle_format("0123456789abcdef")]), inherit=False):
        ref = task(Persist("pickle"))(lambda: {1})()
        assert ref.load() == {1}
    with pytest.raises(UnknownFormat, match="pickle_format"):
        ref.load(store=store)


def test_a_forged_reference_stays_under_its_root(ref, hostiles) -> None:
    """Its key is checked as any other."""
    for hostile in hostiles:
        with pytest.raises(InvalidKey):
            attrs.evolve(ref, key=hostile).load()


def test_the_default_session_serves_where_none_is_open(tmp_path, monkeypatch) -> None:
    """A task with `Persist` outside of sessions keeps below the current folder, and its reference loads."""
    monkeypatch.chdir(tmp_path)
    with Session(inherit=False):
        ref = task(Persist())(lambda: [1])()
    assert ref.load() == [1]
    assert (tmp_path / ref.key).exists()
