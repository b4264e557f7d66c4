"""Estimates of size."""

from __future__ import annotations

import attrs
import pytest

from pegboard_cache.codec.size import estimate


@attrs.frozen
class Slotted:
    data: bytes


class Plain:
    def __init__(self, data):
        self.data = data


@pytest.mark.parametrize(
    "value",
    [
        b"x" * 100_000,
        [b"x" * 1000] * 100,
        dict.fromkeys(range(100), b"x" * 1000),
        ({1: [b"x" * 100_000]},),
        Slotted(b"x" * 100_000),
        Plain(b"x" * 100_000),
        memoryview(bytearray(100_000)),
        list(range(3000)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_about_right(value):
    """A value of 100 kB counts as about that, however it is wrapped."""
    assert 90_000 < estimate(value) < 130_000


def test_large_container_is_sampled():
    """The cost does not grow with the number of items: a million items are measured by a few."""
    touched = []

    class Item:
        @property
        def nbytes(self):
            touched.append(1)
            return 1000

    size = estimate([Item()] * 1_000_000)
    assert len(touched) < 100
    assert size > 900_000_000


def test_circle_ends():
    """A value that contains itself has a size."""
    circle = []
    circle.append(circle)
    assert estimate(circle) > 0
