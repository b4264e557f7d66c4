"""Texts as they are printed."""

from __future__ import annotations

import pytest

from pegboard_console._text import count, duration, error_name


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0.0, "0 us"),
        (0.000_84, "840 us"),
        (0.000_999_6, "1.0 ms"),
        (0.0123, "12.3 ms"),
        (0.99996, "1.00 s"),
        (1.25, "1.25 s"),
        (59.996, "1 m 00 s"),
        (125.4, "2 m 05 s"),
        (3_599.6, "1 h 00 m"),
        (3_720, "1 h 02 m"),
        (100_000, "27 h 46 m"),
    ],
)
def test_durations_are_in_the_unit_a_reader_would_choose(seconds, written):
    """Three significant figures or so, and never sixty of a unit."""
    assert duration(seconds) == written


def test_numbers_agree_with_their_nouns():
    """One is one, and many are grouped by thousands."""
    assert (count(1, "call"), count(10_000, "call")) == ("1 call", "10,000 calls")


def test_errors_are_named_by_class():
    """Without module, without the function that defines it, and without message."""

    class Local(Exception):  # noqa: N818 - an error of a test
        pass

    assert (error_name(Local("canary")), error_name(KeyError("canary"))) == ("Local", "KeyError")
