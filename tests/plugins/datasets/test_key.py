"""Keys: what may be one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pegboard import PegboardError
from pegboard_datasets import InvalidKey
from pegboard_datasets._key import KEY_BYTES_MOST, SEGMENT_BYTES_MOST, check_key


@pytest.mark.parametrize(
    "key",
    [
        "a",
        "a.json",
        "a/b/c.parquet",
        "ä/ö.txt",
        ".hidden/x",
        "a b/c",
        "~x",
        "2024-01-31",
        "console.txt",
        "a..b",
    ],
)
def test_ordinary_keys_are_taken_as_they_are(key) -> None:
    """A relative path with slashes between its parts is a key."""
    assert check_key(key) == key


def test_hostile_keys_are_refused(hostile) -> None:
    """What could leave the root, or means something else on another system, is no key."""
    with pytest.raises(InvalidKey) as caught:
        check_key(hostile)
    assert isinstance(caught.value, PegboardError)
    assert isinstance(caught.value, ValueError)
    assert str(caught.value).count("\n") == 1
    assert str(caught.value).replace("\n", "").isprintable()


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("", "empty"),
        ("/a", "empty"),
        ("a/../b", r"`\.` or `\.\.`"),
        ("a.", "drop"),
        ("aux", "device"),
        ("a:b", "colon"),
    ],
)
def test_the_error_says_what_is_wrong(key, text) -> None:
    """Each fault by its name."""
    with pytest.raises(InvalidKey, match=text):
        check_key(key)


@pytest.mark.parametrize("key", [None, 3, b"x"], ids=repr)
def test_only_text_is_a_key(key) -> None:
    """Another type is named in the error."""
    with pytest.raises(InvalidKey, match=rf"is an? {type(key).__name__}"):
        check_key(key)


def test_lengths_count_in_bytes() -> None:
    """A part has 200 bytes at most, a key 800."""
    assert check_key("ä" * (SEGMENT_BYTES_MOST // 2))
    with pytest.raises(InvalidKey, match="202 bytes"):
        check_key("ä" * (SEGMENT_BYTES_MOST // 2 + 1))
    with pytest.raises(InvalidKey, match="the most"):
        check_key("/".join(["x" * 100] * 9))
    assert len(check_key("/".join(["x" * 99] * 8)).encode()) <= KEY_BYTES_MOST


@given(st.text(st.sampled_from("./\\:ab \n~"), min_size=1, max_size=12))
def test_whatever_is_a_key_stays_under_the_root(text) -> None:
    """No text that passes has a part that climbs, is empty, or is absolute."""
    try:
        key = check_key(text)
    except InvalidKey:
        return
    assert not key.startswith("/")
    assert not {"", ".", ".."} & set(key.split("/"))
