"""The option refuses what cannot be meant, where it is written."""

from __future__ import annotations

import pytest

from pegboard import ConfigError
from pegboard_cache import Cache, Caching


@pytest.mark.parametrize("ttl", [-1, float("nan"), float("inf"), -0.5])
def test_impossible_ttl(ttl):
    """A ttl is a finite number of at least 0."""
    with pytest.raises(ValueError, match="ttl"):
        Cache(ttl=ttl)


@pytest.mark.parametrize(
    "bad",
    [
        {"ttl": "60"},
        {"ttl": True},
        {"key": "url"},
        {"version": 1.5},
        {"version": True},
        {"store": 7},
        {"store": dict},
        {"lock": 1},
        {"lock": None},
    ],
    ids=str,
)
def test_wrong_type(bad):
    """What is of the wrong type is refused with the name of the setting."""
    with pytest.raises(TypeError, match=next(iter(bad))):
        Cache(**bad)


@pytest.mark.parametrize("where", [lambda store: Cache(store=store), Caching], ids=["option", "plugin"])
@pytest.mark.parametrize("url", ["https://x/secret", "ftp://:secret@x", "file://elsewhere/secret"])
def test_url(where, url):
    """A URL that no store is for is refused, and the rest of it is not shown."""
    with pytest.raises(ConfigError, match="URL") as caught:
        where(url)
    assert "secret" not in str(caught.value)


def test_file_is_no_folder(tmp_path):
    """A path that is a file is refused before anything runs."""
    file = tmp_path / "file"
    file.write_text("mine")
    with pytest.raises(ConfigError, match="is a file"):
        Caching(file)
    assert file.read_text() == "mine"


def test_object_that_lacks_methods():
    """A store that is none is told what it lacks."""
    with pytest.raises(TypeError, match="lacks get, put"):
        Caching(object())


@pytest.mark.parametrize("most", [0, -1, 1.5, True])
def test_impossible_size(most):
    """A size is a positive whole number of bytes."""
    with pytest.raises(ValueError, match="max_bytes"):
        Caching(max_bytes=most)


@pytest.mark.parametrize(
    "url", ["redis://:secret@host/0", "s3://bucket/secret", "az://account/secret", "memory:///secret"]
)
def test_repr_shows_the_kind_of_a_url(url):
    """A URL may hold a password, and a repr shows no more than its kind."""
    assert "secret" not in repr(Cache(store=url))
    assert url.partition(":")[0] in repr(Cache(store=url))


@pytest.mark.parametrize("bad", [b"short", b"", "a text of more than 16", 16])
def test_impossible_pickle_key(bad):
    """A pickle key is at least 16 bytes, and is not shown."""
    with pytest.raises((TypeError, ValueError), match="pickle_key") as caught:
        Caching(pickle_key=bad)
    assert "text" not in str(caught.value)
