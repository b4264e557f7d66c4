"""Quantiles out of buckets."""

from __future__ import annotations

from collections.abc import Sequence


def quantile(q: float, bounds: Sequence[float], counts: Sequence[int], least: float, most: float) -> float:
    """Estimate a quantile, taking the values of a bucket to be spread evenly over it.

    The first bucket begins at the least value and the last ends at the greatest, so no estimate lies outside of what was
    measured; it is off by the width of one bucket at most.

    Args:
        q: Which, from 0 to 1.
        bounds: Upper bounds of the buckets; one more without bound follows.
        counts: Values per bucket, not added up.
        least: The least value.
        most: The greatest value.

    Returns:
        The estimate; 0.0 where there is no value.
    """
    if not counts:
        return 0.0
    rank = q * sum(counts)
    below = 0
    lower = least
    for bound, count in zip((*bounds, most), counts, strict=True):
        upper = min(bound, most)
        if count and below + count >= rank:
            start = max(lower, least)
            return start + (max(upper, start) - start) * (rank - below) / count
        below += count
        lower = bound
    return 0.0
