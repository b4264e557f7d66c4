"""Numbers, times and lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pegboard.testing import FakeClock
from pegboard_progress import _text
from pegboard_progress._bar import Bar


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (7.4, "0:07"), (59.6, "1:00"), (725, "12:05"), (3725, "1:02:05"), (1e12, "99d")],
)
def test_a_time_is_written_like_a_clock(seconds, text):
    """Hours come when there are any."""
    assert _text.duration(seconds) == text


@pytest.mark.parametrize(
    ("per_second", "text"),
    [(12_345.6, "12,346/s"), (12.34, "12.3/s"), (0.5, "30.0/min"), (0.001, "3.6/h"), (1e-9, "0.0/h")],
)
def test_a_rate_is_written_in_the_unit_that_reads_well(per_second, text):
    """Slow tasks count by minute or hour."""
    assert _text.rate(per_second) == text


@pytest.mark.parametrize(
    ("number", "text"), [(1204, "1,204"), (0.25, "0.25"), (1.5e12, "1.5e+12"), (2.0, "2")]
)
def test_an_amount_is_short(number, text):
    """Whole numbers in full, others with what matters."""
    assert _text.amount(number) == text


@given(st.text(), st.none() | st.integers(0, 10**6))
def test_a_label_is_one_printable_line(name, index):
    """No name breaks a line or steers a terminal."""
    label = _text.label(name, index)
    assert label.isprintable()
    assert len(label) <= 40 + 9


@given(st.floats(0, 1e15), st.none() | st.floats(0, 1e15), st.floats(0, 1e9), st.booleans())
def test_every_bar_can_be_written(done, total, elapsed, ended):
    """Whatever a task says, also more than all: a line comes out, and never more than 100 %."""
    clock = FakeClock()
    bar = Bar("load", total, clock, 0)
    bar.set(done, None)
    clock.advance(elapsed)
    if ended:
        bar.end("ok")
    line = _text.line(bar)
    assert line.startswith("load  ")
    assert line.isprintable()
    assert "-" not in line.replace("e-", "")
