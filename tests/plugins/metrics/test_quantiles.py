"""Quantiles out of buckets."""

from __future__ import annotations

import statistics
from bisect import bisect_left

from hypothesis import given
from hypothesis import strategies as st

from pegboard_metrics._quantiles import quantile
from pegboard_metrics.names import BUCKETS

durations = st.lists(st.floats(1e-6, 10_000), min_size=1, max_size=200)


def counted(values):
    """Sort values into the buckets."""
    counts = [0] * (len(BUCKETS) + 1)
    for value in values:
        counts[bisect_left(BUCKETS, value)] += 1
    return counts


@given(durations, st.floats(0.01, 1))
def test_an_estimate_is_off_by_one_bucket_at_most(values, q):
    """It lies in the bucket of the true value, and within what was measured."""
    estimate = quantile(q, BUCKETS, counted(values), min(values), max(values))
    true = sorted(values)[max(int(-(-q * len(values) // 1)) - 1, 0)]
    assert min(values) <= estimate <= max(values)
    assert abs(bisect_left(BUCKETS, estimate) - bisect_left(BUCKETS, true)) <= 1


def test_values_that_are_spread_evenly_are_estimated_well():
    """A thousand values from 1 to 2 s: the median is 1.5 s."""
    values = [1 + index / 1000 for index in range(1, 1001)]
    estimate = quantile(0.5, BUCKETS, counted(values), min(values), max(values))
    assert abs(estimate - statistics.median(values)) < 0.01


def test_nothing_has_no_quantile():
    """It is 0, as the other figures of a task that was never called."""
    assert quantile(0.5, BUCKETS, [0] * (len(BUCKETS) + 1), 0.0, 0.0) == 0.0
    assert quantile(0.5, BUCKETS, [], 0.0, 0.0) == 0.0
