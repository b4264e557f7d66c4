"""What may be given as a store."""

from __future__ import annotations

import pytest

from pegboard import ConfigError
from pegboard_cache import Cache, Caching


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


@pytest.mark.parametrize(
    "url", ["redis://:secret@host/0", "s3://bucket/secret", "az://account/secret", "memory:///secret"]
)
def test_repr_shows_the_kind_of_a_url(url):
    """A URL may hold a password, and a repr shows no more than its kind."""
    assert "secret" not in repr(Cache(store=url))
    assert url.partition(":")[0] in repr(Cache(store=url))
