"""Adding measurements up."""

from __future__ import annotations

from math import isnan, nan

from hypothesis import given
from hypothesis import strategies as st

from pegboard_resources._tracker import Memory
from pegboard_resources._usage import Tally

memories = st.none() | st.builds(
    Memory, st.integers(-1000, 1000), st.none() | st.integers(0, 1000), st.booleans()
)
calls = st.tuples(st.booleans(), st.integers(0, 9), st.just(nan) | st.integers(0, 9), memories)


@given(st.lists(calls), st.lists(calls))
def test_a_sum_does_not_depend_on_when_it_was_asked_for(first, then):
    """Usage is that of all calls, folded in one go or in two; what is not known is in no sum."""
    tally = Tally("t")
    tally.pending.extend(first)
    assert tally.usage().calls == len(first)
    tally.pending.extend(then)
    usage, every = tally.usage(), first + then
    cpus = [cpu for _, _, cpu, _ in every if not isnan(cpu)]
    growths = [memory.growth for *_, memory in every if memory is not None]
    peaks = [memory.peak for *_, memory in every if memory is not None and memory.peak is not None]
    assert (usage.calls, usage.failures) == (len(every), sum(failed for failed, *_ in every))
    assert (usage.wall_seconds, usage.wall_max) == (
        sum(wall for _, wall, *_ in every),
        max((wall for _, wall, *_ in every), default=0),
    )
    assert (usage.cpu_calls, usage.cpu_seconds) == (len(cpus), sum(cpus) if cpus else None)
    assert usage.cpu_max == max(cpus, default=None)
    assert (usage.memory_calls, usage.rss_growth) == (len(growths), sum(growths) if growths else None)
    assert usage.rss_growth_max == max(growths, default=None)
    assert usage.peak_max == max(peaks, default=None)
