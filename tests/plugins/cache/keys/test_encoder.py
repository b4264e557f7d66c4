"""The canonical text of values: equal for equal ones in every process, different for others."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import io
import math
import pathlib
import re
import socket
import threading
import uuid
from collections import Counter, OrderedDict
from typing import NamedTuple

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pegboard import Secret
from pegboard_cache.keys.encoder import Unhashable, canonical


@attrs.frozen
class Point:
    x: object
    y: object


@attrs.define
class Slotted:
    x: object


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Plain:
    def __init__(self, x):
        self.x = x


class Text(str):
    __slots__ = ()


class Pair(NamedTuple):
    x: object
    y: object


UTC = dt.UTC

DIFFERENT = [
    None, True, False, 0, 1, -1, 2**70, 0.0, -0.0, 1.0, 1.5, math.inf, 1j, 1 + 0j,
    "", "1", "T", "é", "\ud800", "x" * 5000, "x" * 5001, b"", b"1", b"x" * 5000, bytearray(b"1"),
    (), [], {}, set(), frozenset(), (1,), [1], {1}, frozenset({1}), {1: 1}, {"1": 1}, {1: "1"}, {True: 1},
    (1, (2, 3)), ((1, 2), 3), ("a", "b"), ("a,b",), ["s1:a"], OrderedDict(a=1, b=2), OrderedDict(b=2, a=1),
    Counter("ab"), range(3), range(4), Pair(1, 2), Pair(1, 3), Point(1, 2), Point(1, 2.0), Slotted(1), Slotted(True),
    Plain(1), Plain(2), Text("1"), Colour.RED, Colour.BLUE, Colour, Point, int, math, len, re.compile("a"), re.compile("a", re.IGNORECASE),
    dt.date(2024, 1, 1), dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 1, tzinfo=UTC),  # noqa: DTZ001
    dt.datetime(2024, 1, 1, fold=1), dt.timedelta(1), decimal.Decimal(1), decimal.Decimal("1.0"),  # noqa: DTZ001
    uuid.UUID(int=1), uuid.UUID(int=2), pathlib.PurePosixPath("a"), pathlib.PurePosixPath("b"), pathlib.PureWindowsPath("a"),
]  # fmt: skip


def test_all_different():
    """1, 1.0, True and "1" are four values, and so is every other pair here."""
    texts = [canonical((value,)) for value in DIFFERENT]
    twice = {text: value for text, value in zip(texts, DIFFERENT, strict=True) if texts.count(text) > 1}
    assert twice == {}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({3, 1, 2}, {2, 3, 1}),
        ({"a": {"x", "y"}}, {"a": {"y", "x"}}),
        (Plain({"a": 1, "b": 2}), Plain({"b": 2, "a": 1})),
        (Counter(a=1, b=2), Counter(b=2, a=1)),
        (2**70, 2**70),
        (math.nan, float("nan")),
        ([1, "ab"], [1, "".join(chr(code) for code in (97, 98))]),
    ],
)
def test_equal(one, other):
    """The order of a dict or a set does not matter, and no address plays a part."""
    assert canonical((one,)) == canonical((other,))


def test_mixed_keys():
    """A dict with keys that cannot be compared has a text all the same."""
    assert canonical(({1: "a", "b": 2},)) == canonical(({"b": 2, 1: "a"},))


def test_attribute_order_does_not_matter():
    """Objects with the same attributes, set in another order, are equal."""
    one, other = Plain(1), Plain(1)
    one.a, one.b = 1, 2
    other.b, other.a = 2, 1
    assert canonical((one,)) == canonical((other,))


@pytest.mark.parametrize(
    "make",
    [
        threading.Lock,
        threading.Event,
        io.StringIO,
        lambda: iter([1]),
        lambda: (x for x in "ab"),
        lambda: Secret("s"),
        lambda: [{"deep": threading.Lock()}],
        lambda: Plain(threading.Lock()),
    ],
)
def test_unhashable(make):
    """What cannot be copied, or can be read only once, has no text."""
    with pytest.raises(Unhashable):
        canonical((make(),))


def test_socket():
    """Neither has a socket."""
    with socket.socket() as sock, pytest.raises(Unhashable, match="socket"):
        canonical((sock,))


def test_circle():
    """A value that contains itself is refused, not followed for ever."""
    circle = []
    circle.append(circle)
    with pytest.raises(Unhashable, match="contains itself"):
        canonical((circle,))


def test_reason_shows_no_value():
    """The reason names types only."""
    with pytest.raises(Unhashable) as caught:
        canonical((Plain({"canary": threading.Lock()}),))
    assert "canary" not in str(caught.value)


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(max_size=20)
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text() | st.integers(), inner, max_size=4)
    ),
    max_leaves=12,
)


def shape(value):
    """A value with its types, so that `==` tells 1 from True and 0.0 from -0.0."""
    if isinstance(value, dict):
        return ("dict", frozenset((shape(k), shape(v)) for k, v in value.items()))
    if isinstance(value, list | tuple):
        return (type(value).__name__, tuple(shape(item) for item in value))
    return (type(value).__name__, repr(value))


@given(values, values)
def test_equal_texts_mean_equal_values(one, other):
    """Two values have one text exactly when they are the same value of the same types."""
    assert (canonical((one,)) == canonical((other,))) == (shape(one) == shape(other))


@given(st.lists(values, max_size=3), st.lists(values, max_size=3))
def test_no_confusion_between_arguments(one, other):
    """Nor can one list of arguments be mistaken for another."""
    assert (canonical(one) == canonical(other)) == (shape(one) == shape(other))


def test_arrays():
    """Arrays are known by type, shape and content; one of objects that cannot be hashed is refused."""
    arrays = [
        np.arange(4),
        np.arange(4.0),
        np.arange(4).reshape(2, 2),
        np.array([0, 1, 2, 4]),
        np.int64(1),
        np.float64(1),
    ]
    assert len({canonical((each,)) for each in arrays}) == len(arrays)
    assert canonical(([np.arange(4)],)) == canonical(([np.arange(4)],))
    with pytest.raises(Unhashable, match="ndarray"):
        canonical((np.array([threading.Lock()]),))
