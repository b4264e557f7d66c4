"""The option refuses what cannot be meant, where it is written."""

from __future__ import annotations

import pytest

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


@pytest.mark.parametrize("most", [0, -1, 1.5, True])
def test_impossible_size(most):
    """A size is a positive whole number of bytes."""
    with pytest.raises(ValueError, match="max_bytes"):
        Caching(max_bytes=most)


@pytest.mark.parametrize("bad", [b"short", b"", "a text of more than 16", 16])
def test_impossible_pickle_key(bad):
    """A pickle key is at least 16 bytes, and is not shown."""
    with pytest.raises((TypeError, ValueError), match="pickle_key") as caught:
        Caching(pickle_key=bad)
    assert "text" not in str(caught.value)
