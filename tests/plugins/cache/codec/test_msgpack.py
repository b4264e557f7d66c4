"""Values as bytes and back, each as its own type."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import math
import os
import pathlib
import sys
import threading
import types
import uuid
import zoneinfo
from collections import Counter, OrderedDict, defaultdict
from typing import ClassVar, NamedTuple

import attrs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pegboard_cache._store import Unstorable
from pegboard_cache.codec.forms import MEMBER, RECORD
from pegboard_cache.codec.msgpack import from_bytes, to_bytes
from pegboard_cache.codec.records import Unreadable

# Records are found by the name of their module, and this one is imported by path.
HERE = types.ModuleType("codec_records")
sys.modules["codec_records"] = HERE


def here(cls):
    """Put a class where its name says it is."""
    cls.__module__ = "codec_records"
    setattr(HERE, cls.__qualname__, cls)
    return cls


@here
@dataclasses.dataclass
class Point:
    x: object
    y: object = 0


@here
@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    x: object


@here
@attrs.frozen
class Record:
    name: str
    parts: tuple
    _private: int = 1


@here
class Named(NamedTuple):
    x: object
    y: object


@here
class Colour(enum.Enum):
    RED = 1


@here
class Level(enum.IntEnum):
    LOW = 1


@here
class Bits(enum.Flag):
    A = 1
    B = 2


@here
@dataclasses.dataclass
class Counted(dict):
    x: int = 0


@here
@dataclasses.dataclass
class Loud:
    x: int
    ran: ClassVar[list] = []

    def __post_init__(self):
        self.ran.append(self.x)


UTC = dt.UTC
ZONE = zoneinfo.ZoneInfo("Europe/Paris") if os.path.exists("/usr/share/zoneinfo/Europe/Paris") else UTC  # noqa: PTH110

VALUES = [
    None, True, False, 0, -1, 2**63, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1, 10**400, 1.5, -0.0, math.inf, "", "é\0", b"", b"\xff",
    bytearray(b"1"), 1j, (), (1,), [], [1, (2, [3])], {}, {"a": 1}, {1: "a", "b": 2}, {True: 1}, {1.5: None, None: 2}, {b"k": 1},
    {(1, 2): 3}, {10**30: 1}, {frozenset({1}): 2}, {Colour.RED: 1}, set(), {1, "a"}, frozenset({(1, 2)}), range(1, 9, 2),
    dt.date(2024, 2, 29), dt.time(1, 2, 3, 4), dt.time(1, tzinfo=UTC), dt.timedelta(-1, 5, 7),
    dt.datetime(2024, 1, 1, 1, 1, 1, 1), dt.datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=ZONE),  # noqa: DTZ001
    dt.datetime(1, 1, 1, tzinfo=UTC), dt.datetime(2024, 1, 1, tzinfo=dt.timezone(-dt.timedelta(hours=3.5))),
    decimal.Decimal("1.10"), decimal.Decimal("-Infinity"), uuid.UUID(int=7), pathlib.Path("/a/b"), pathlib.PureWindowsPath("c:\\x"),
    Point(1, (2,)), Frozen({1}), Record("a", (1, Point(2))), Named(1, [Colour.RED]), Colour.RED, Level.LOW, Bits.A, [Point(1), Point(2)],
]  # fmt: skip


def shape(value):
    """A value with the types of all that is inside it."""
    if isinstance(value, list | tuple):
        return (type(value), [shape(item) for item in value])
    if isinstance(value, dict):
        return (dict, [(shape(key), shape(item)) for key, item in value.items()])
    if isinstance(value, Point):
        return (Point, shape(value.x), shape(value.y))
    return (type(value), repr(value) if not isinstance(value, set | frozenset) else value)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_round_trip(value):
    """A value comes back equal and of the same types throughout."""
    back = from_bytes(to_bytes(value))
    assert back == value
    assert shape(back) == shape(value)


def test_fold_and_zone():
    """The second of two equal wall-clock times, and its zone, come back."""
    second = dt.datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=ZONE)
    back = from_bytes(to_bytes(second))
    assert (back.fold, back.tzinfo) == (1, ZONE)


class Local:
    pass


@dataclasses.dataclass
class Unreachable:
    """Its module is not importable by this name."""

    x: int


def with_extra():
    point = Point(1)
    point.extra = 2
    return point


@pytest.mark.parametrize(
    "value",
    [
        object(),
        Local(),
        Local,
        len,
        threading.Lock(),
        OrderedDict(a=1),
        defaultdict(int),
        Counter("a"),
        type("Text", (str,), {})("a"),
        with_extra(),
        Counted(1),
        Bits.A | Bits.B,
        NamedTuple("Gone", [("x", int)])(1),
        "\ud800",
        ["\ud800"],
        ValueError("x"),
        iter([1]),
        dt.datetime(2024, 1, 1, tzinfo=dt.timezone(dt.timedelta(0), "named")),
        [{"deep": object()}],
        {object(): 1},
    ],
    ids=lambda value: type(value).__name__,
)
def test_refused(value):
    """What would come back as something else, or not at all, is refused."""
    with pytest.raises(Unstorable):
        to_bytes(value)


def test_local_class_is_refused():
    """So is a record whose class cannot be found by its name."""

    @dataclasses.dataclass
    class Inner:
        x: int

    with pytest.raises(Unstorable, match="Inner"):
        to_bytes(Inner(1))


def test_circle_is_refused():
    """A value that contains itself is refused, not followed for ever."""
    circle = []
    circle.append(circle)
    with pytest.raises(Unstorable, match="contains itself"):
        to_bytes(circle)


def test_reason_shows_no_value():
    """The reason names types only."""
    with pytest.raises(Unstorable) as caught:
        to_bytes({"canary": ["canary", object()]})
    assert "canary" not in str(caught.value)


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(max_size=20)
)
hashable = scalars | st.tuples(scalars, scalars) | st.frozensets(scalars, max_size=3)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.sets(hashable, max_size=3)
        | st.dictionaries(hashable, inner, max_size=4)
        | inner.map(Point)
    ),
    max_leaves=12,
)


@given(values)
def test_any_value_comes_back(value):
    """Whatever is made of the known types comes back as it was."""
    assert shape(from_bytes(to_bytes(value))) == shape(value)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_value_or_unreadable(data):
    """Bytes from anywhere give plain data or `Unreadable`, and nothing else is raised."""
    try:
        from_bytes(data)
    except Unreadable:
        return


def forged(form, *parts):
    return msgspec.msgpack.encode(msgspec.msgpack.Ext(form.code, msgspec.msgpack.encode(parts)))


@pytest.mark.parametrize(
    "data",
    [
        forged(RECORD, "subprocess", "Popen", ["args"], [["touch", "flag"]]),
        forged(RECORD, "os", "system", ["x"], ["touch flag"]),
        forged(RECORD, "this", "s", [], []),
        forged(RECORD, "codec_records", "Point", ["x", "y", "z"], [1, 2, 3]),
        forged(RECORD, "codec_records", "Point", ["x", "y"], [1]),
        forged(RECORD, "codec_records", "Point.__init__", [], []),
        forged(RECORD, "codec_records", "Nobody", [], []),
        forged(MEMBER, "codec_records", "Colour", "GREEN"),
        forged(MEMBER, "codec_records", "Point", "x"),
        forged(RECORD, 1, 2, 3, 4),
        forged(RECORD),
        msgspec.msgpack.encode(msgspec.msgpack.Ext(99, b"")),
    ],
)
def test_forged(data, tmp_path, monkeypatch):
    """A forged record runs no code and imports no module; it is unreadable."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Unreadable):
        from_bytes(data)
    assert "this" not in sys.modules
    assert list(tmp_path.iterdir()) == []


def test_no_constructor_runs():
    """Reading a record calls neither `__init__` nor `__post_init__`."""
    loud = Loud(1)
    Loud.ran.clear()
    assert from_bytes(to_bytes(loud)) == loud
    assert Loud.ran == []


def test_changed_class_is_unreadable():
    """A record of a class that has other fields now is unreadable."""
    data = to_bytes(Frozen(1))

    @dataclasses.dataclass
    class Newer:
        x: int
        y: int

    old, HERE.Frozen = HERE.Frozen, Newer
    try:
        with pytest.raises(Unreadable):
            from_bytes(data)
    finally:
        HERE.Frozen = old
