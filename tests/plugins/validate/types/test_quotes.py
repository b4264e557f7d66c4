"""Whether a text quotes a value."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pegboard import Secret
from pegboard_validate.types.quotes import quotes


@attrs.define(slots=False)
class Thing:
    name: str


@pytest.mark.parametrize(
    ("text", "value", "found"),
    [
        ("no peg here", "peg", True),
        ("no 'peg' here", "peg", True),
        ("pegs are out", "peg", False),
        ("must be at least 18", 1, False),
        ("must not be 18", 18, True),
        ("must not be 1.5", 1.5, True),
        ("no 'a\\nb' here", "a\nb", True),
        ("b'peg' is wrong", b"peg", True),
        ("key peg is wrong", {"peg": 1}, True),
        ("deep peg", {"a": [{"b": ("x", {"peg"})}]}, True),
        ("peg of a thing", Thing("peg"), True),
        ("must be even", {"a": 3}, False),
        ("None is not True", [None, True], False),
        ("empty", "", False),
        ("a Secret", Secret("peg"), False),
    ],
)
def test_quotes(text, value, found):
    """Strings and numbers count as quoted where they are words of their own, however deep in the value."""
    assert quotes(text, value) is found


@given(st.text(min_size=1), st.text(), st.text())
def test_a_word_between_spaces_is_found(word, before, after):
    """Whatever the value's text, it is found between spaces."""
    assert quotes(f"{before} {word} {after}", {"a": [word]})


def test_names_of_fields_are_no_quotes():
    """A text may name the fields of its type; their values still count."""
    assert not quotes("low exceeds high", {"low": 3, "high": 1}, {"low", "high"})
    assert quotes("low is 3", {"low": 3}, {"low"})
    assert quotes("low", {"high": "low"}, {"low", "high"})


def test_a_value_too_large_to_look_through():
    """A value of more than a thousand parts counts as quoted; one that holds itself ends."""
    assert quotes("x", list(range(1001)))
    endless = []
    endless.append(endless)
    assert not quotes("x", endless)
