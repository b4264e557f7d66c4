"""Quantiles out of a bounded space, within a documented error."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from pegboard_console._durations import Durations

SECONDS = st.floats(min_value=1e-8, max_value=1e8)


@given(st.lists(SECONDS, min_size=1, max_size=200), st.sampled_from([0.5, 0.95]))
def test_a_quantile_is_within_four_percent(values, q):
    """Of any durations, the quantile told is at most 4 % off the exact one."""
    durations = Durations()
    for value in values:
        durations.add(value)
    exact = sorted(values)[math.ceil(q * len(values)) - 1]
    assert abs(durations.quantile(q) - exact) <= 0.04 * exact


@given(SECONDS)
def test_one_duration_is_told_exactly(value):
    """A task called once shows what it took."""
    durations = Durations()
    durations.add(value)
    assert durations.quantile(0.5) == durations.quantile(0.95) == durations.total == value


@given(st.lists(st.floats(min_value=0, allow_nan=False, allow_infinity=False), max_size=300))
def test_no_value_takes_new_space_for_ever(values):
    """Whatever is added, there are at most 540 buckets."""
    durations = Durations()
    for value in [*values, 0.0, 1e-300, 1e300]:
        durations.add(value)
    assert max(durations._buckets) - min(durations._buckets) <= 540


def test_nothing_has_no_quantile():
    """No duration, no figure."""
    assert Durations().quantile(0.5) is None
