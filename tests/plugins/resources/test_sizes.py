"""Sizes as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pegboard_resources import Measured
from pegboard_resources._sizes import show_size, size_in_bytes


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("500MB", 500_000_000),
        ("1.5 GiB", 1_610_612_736),
        (" 10 kb ", 10_000),
        ("4KiB", 4096),
        ("7 B", 7),
        (1024, 1024),
    ],
)
def test_decimal_and_binary_units_are_read(text, count):
    """MB is a million bytes, MiB 1024 times 1024."""
    assert size_in_bytes(text) == count
    assert Measured(memory_limit=text).memory_limit == count


@pytest.mark.parametrize("text", ["", "MB", "500", "5 XB", "-5MB", "1e3 MB", "0MB", 0, -1, "0.1 B"])
def test_what_is_no_size_is_refused(text):
    """Text without a unit, with an unknown one, and what is not above zero, is refused at decoration."""
    with pytest.raises(ValueError):
        Measured(memory_limit=text)


@pytest.mark.parametrize("value", [1.5, True, b"5MB", ["5MB"]])
def test_what_is_neither_text_nor_a_whole_number_is_refused(value):
    """Half a byte, a flag or a list is no size."""
    with pytest.raises(TypeError):
        Measured(memory_limit=value)


@given(st.integers(1, 10**15))
def test_a_shown_size_can_be_read_again(count):
    """What is shown is within a tenth of its unit of what it is."""
    assert size_in_bytes(show_size(count)) == pytest.approx(count, rel=0.06)
