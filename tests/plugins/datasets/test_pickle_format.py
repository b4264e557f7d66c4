"""Pickle, for those who ask for it."""

from __future__ import annotations

import pickle
from fractions import Fraction

import pytest

from pegboard import Secret
from pegboard_datasets import DatasetError, Datasets, MemoryStore, UnknownFormat, pickle_format

KEY = b"0123456789abcdef"


class Bomb:
    """Leaves a mark when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


@pytest.mark.parametrize(
    "key", [KEY, KEY.decode(), Secret(KEY), Secret(KEY.decode())], ids=lambda key: type(key).__name__
)
def test_any_value_comes_back(key) -> None:
    """With the format given to the plugin, `.pkl` takes what pickle takes."""
    datasets = Datasets(store=MemoryStore(), formats=[pickle_format(key)])
    datasets.save("a.pkl", {"x": Fraction(1, 3)})
    assert datasets.load("a.pkl") == {"x": Fraction(1, 3)}
    ref = datasets.persist(Fraction(1, 3), format="pickle")
    assert datasets.load(ref, Fraction) == Fraction(1, 3)


def test_it_is_not_taken_by_type() -> None:
    """Opting in makes it possible, not the default: without an extension or name it is never used."""
    datasets = Datasets(store=MemoryStore(), formats=[pickle_format(KEY)])
    with pytest.raises(UnknownFormat):
        datasets.persist(Fraction(1, 3))


def test_others_can_read_the_file() -> None:
    """The signature follows the pickle, where other programs do not look."""
    store = MemoryStore()
    Datasets(store=store, formats=[pickle_format(KEY)]).save("a.pkl", [1])
    assert pickle.loads(store.get("a.pkl")) == [1]


def test_a_file_that_was_not_signed_with_the_key_is_not_read(tmp_path) -> None:
    """A planted pickle, one of another key, and one that was cut run no code."""
    flag, store = tmp_path / "flag", MemoryStore()
    datasets = Datasets(store=store, formats=[pickle_format(KEY)])
    other = Datasets(store=store, formats=[pickle_format(KEY + b"x")])
    other.save("other.pkl", Bomb(str(flag)))
    store.put("planted.pkl", pickle.dumps(Bomb(str(flag))))
    store.put("cut.pkl", store.get("other.pkl")[:-1])
    for key in ("other.pkl", "planted.pkl", "cut.pkl"):
        with pytest.raises(DatasetError, match="signature"):
            datasets.load(key)
    assert not flag.exists()
    other.load("other.pkl").close()
    assert flag.exists()


@pytest.mark.parametrize("key", [b"short", 3, None], ids=repr)
def test_a_key_that_is_none_is_refused(key) -> None:
    """A short key is guessed, and the error does not show it."""
    with pytest.raises((TypeError, ValueError)) as caught:
        pickle_format(key)
    assert "short" not in str(caught.value)


def test_the_key_is_nowhere_to_be_seen() -> None:
    """Not in the repr of the format."""
    assert KEY.decode() not in repr(pickle_format(KEY))
