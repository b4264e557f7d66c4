"""The token bucket."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st

from pegboard.testing import FakeClock
from pegboard_limits import RateLimit
from pegboard_limits.rate.bucket import Bucket

STEPS = st.lists(
    st.one_of(
        st.just(("take", 0.0)),
        st.tuples(st.just("wait"), st.floats(0, 20)),
        st.tuples(st.just("cancel"), st.floats(0, 1)),
    ),
    max_size=60,
)


def bucket_of(option):
    clock = FakeClock()
    return clock, Bucket("probe", option, clock.monotonic)


def run_times(clock, bucket, steps):
    """Take turns, give waiting ones back, and return when the others run."""
    waiting, ran = [], []
    for what, amount in steps:
        if what == "wait":
            clock.advance(amount)
        elif what == "take":
            turn = bucket.take(None)
            if turn is None:
                ran.append(clock.monotonic())
            else:
                waiting.append(turn.at)
        else:
            future = [at for at in waiting if at > clock.monotonic()]
            if future:
                given = future[int(amount * (len(future) - 1))]
                waiting.remove(given)
                bucket.give_back(given)
    return sorted(ran + waiting)


@given(number=st.integers(1, 5), burst=st.integers(1, 6), steps=STEPS)
def test_no_span_of_time_has_more_runs_than_it_may(number, burst, steps):
    """In any t seconds there are at most `burst + t * rate` runs, whatever is taken and given back."""
    clock, bucket = bucket_of(RateLimit(number, burst, per=10))
    times = run_times(clock, bucket, steps)
    for first in range(len(times)):
        for last in range(first, len(times)):
            span = times[last] - times[first]
            assert last - first + 1 <= burst + span * number / 10 + 1e-6


@given(number=st.integers(1, 5), burst=st.integers(1, 4), calls=st.integers(1, 30))
def test_nobody_waits_longer_than_the_rate_makes_him(number, burst, calls):
    """Of calls that come together the first `burst` run at once, and the others one after the other, evenly, in order."""
    _, bucket = bucket_of(RateLimit(number, burst, per=10))
    turns = [bucket.take(None) for _ in range(calls)]
    waits = [0.0 if turn is None else turn.wait for turn in turns]
    expected = [max(0, position - burst + 1) * 10 / number for position in range(calls)]
    assert all(abs(wait - right) < 1e-6 for wait, right in zip(waits, expected, strict=True))


def test_a_turn_given_back_goes_to_the_next_who_asks():
    """No turn is lost; after every waiting one was given back, those who ask get the same times again."""
    _, bucket = bucket_of(RateLimit("1/s"))
    bucket.take(None)
    first = [bucket.take(None).at for _ in range(1000)]
    for at in reversed(first):
        bucket.give_back(at)
    assert [bucket.take(None).at for _ in range(1000)] == first
    assert bucket.take(None).at > first[-1]


def test_a_turn_that_passed_unused_is_not_handed_out_late():
    """A turn given back after its time does not let anybody through at once."""
    clock, bucket = bucket_of(RateLimit("1/s"))
    bucket.take(None)
    early, late = bucket.take(None), bucket.take(None)
    clock.advance(1.5)
    bucket.give_back(early.at)
    assert bucket.take(None).at == late.at + 1


def test_a_turn_that_comes_too_late_is_not_taken():
    """`max_wait`: the refused one costs nobody anything, and tells the wait."""
    _, bucket = bucket_of(RateLimit("1/s"))
    bucket.take(None)
    refused = bucket.take(0.5)
    assert (refused.wait, refused.at) == (1.0, None)
    assert bucket.take(None).wait == 1.0
    bucket.give_back(1.0)
    assert bucket.take(0.5).at is None
    assert bucket.take(1.0).at == 1.0


def test_a_clock_that_is_set_back_changes_nothing():
    """Waits stay what they were when the time starts anew, as with another session's clock."""
    clock, bucket = bucket_of(RateLimit("1/s", 2))
    clock.advance(1e6)
    assert [bucket.take(None), bucket.take(None), bucket.take(None).wait] == [None, None, 1.0]
    clock.advance(-1e6)
    assert bucket.take(None).wait == 2.0


def test_threads_that_ask_at_once_get_different_turns():
    """Eight threads take 4,000 turns, and no two get the same."""
    _, bucket = bucket_of(RateLimit("1/s", 1))
    gate = threading.Barrier(8)

    def go(_):
        gate.wait(10)
        return [bucket.take(None) for _ in range(500)]

    with ThreadPoolExecutor(8) as pool:
        turns = [turn for some in pool.map(go, range(8)) for turn in some]
    assert sorted(round(turn.at) for turn in turns if turn) == list(range(1, 4000))
