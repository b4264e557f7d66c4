"""Values that JSON does not know are shown by their type."""

from __future__ import annotations

import enum
import math
from datetime import date
from pathlib import Path

import pytest

from pegboard import Secret
from pegboard_logs._values import json_value


class Loud(str):
    __slots__ = ()

    def __str__(self):
        raise AssertionError("never called")

    __repr__ = __str__


class Color(enum.IntEnum):
    RED = 1


def shown(value):
    return json_value(value, lambda text: text.replace("secret", "***"))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (3, 3),
        (0.5, 0.5),
        ("a secret", "a ***"),
        ([1, (2, "secret")], [1, [2, "***"]]),
        ({"secret": 1, 2: 3, None: 4}, {"***": 1, "2": 3, "None": 4}),
        (Secret("x"), "***"),
        ({Secret("x"): Secret("y")}, {"***": "***"}),
        (object(), "<object>"),
        (Loud("x"), "<Loud>"),
        (Color.RED, "<Color>"),
        (b"bytes", "<bytes>"),
        ({1, 2}, "<set>"),
        (date(2026, 1, 1), "<date>"),
        (Path("x"), "<PosixPath>"),
        (ValueError("secret"), "<ValueError>"),
        (int, "<type>"),
        (2**63 - 1, 2**63 - 1),
        (2**63, "<int>"),
        (10**5_000, "<int>"),
        (math.inf, "inf"),
        (math.nan, "nan"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_shown(value, expected):
    """Never by the repr of what is not known; numbers beyond what readers take, neither."""
    assert shown(value) == expected


def test_circles_end():
    """What lies deeper than 8 levels is shown by its type."""
    circle = []
    circle.append(circle)
    depth, inner = 0, shown(circle)
    while isinstance(inner, list):
        depth, inner = depth + 1, inner[0]
    assert (depth, inner) == (8, "<list>")
