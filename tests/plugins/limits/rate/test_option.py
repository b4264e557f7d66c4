"""How rates are written."""

from __future__ import annotations

import pytest

from pegboard_limits import RateLimit


@pytest.mark.parametrize(
    ("option", "number", "seconds"),
    [
        (RateLimit("100/min"), 100, 60),
        (RateLimit("5/s"), 5, 1),
        (RateLimit("5/sec"), 5, 1),
        (RateLimit("5 per second"), 5, 1),
        (RateLimit("2/minute"), 2, 60),
        (RateLimit(" 7 / H "), 7, 3600),
        (RateLimit("7/hour"), 7, 3600),
        (RateLimit("1/d"), 1, 86400),
        (RateLimit("1/day"), 1, 86400),
        (RateLimit("900/15min"), 900, 900),
        (RateLimit("3/0.5 s"), 3, 0.5),
        (RateLimit("10_000/2 days"), 10_000, 172_800),
        (RateLimit(100, per=60), 100, 60),
        (RateLimit(100, per="min"), 100, 60),
        (RateLimit(1, per=0.25), 1, 0.25),
    ],
    ids=repr,
)
def test_a_rate_is_a_number_in_a_span_of_time(option, number, seconds):
    """As a string, or as a number with `per`."""
    assert (option.number, option.seconds) == (number, seconds)


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: RateLimit("100"), ValueError, "'100' is no rate"),
        (lambda: RateLimit("many/min"), ValueError, "'many/min' is no rate"),
        (lambda: RateLimit("100/fortnight"), ValueError, "'fortnight' is no span of time"),
        (lambda: RateLimit("100/1.2.3s"), ValueError, "is no span of time"),
        (lambda: RateLimit("0/min"), ValueError, "lets at least 1 run"),
        (lambda: RateLimit("5/0s"), ValueError, "more than 0 seconds"),
        (lambda: RateLimit(5, per=float("inf")), ValueError, "more than 0 seconds"),
        (lambda: RateLimit(5, per=float("nan")), ValueError, "more than 0 seconds"),
        (lambda: RateLimit(-5, per=1), ValueError, "lets at least 1 run"),
        (lambda: RateLimit(100), TypeError, "100 per what"),
        (lambda: RateLimit(2.5, per=1), TypeError, "rate is a whole number"),
        (lambda: RateLimit(True, per=1), TypeError, "rate is a whole number"),
        (lambda: RateLimit("5/s", per=1), TypeError, "leave per=1 out"),
        (lambda: RateLimit(5, per=None), TypeError, "5 per what"),
        (lambda: RateLimit(5, per=[1]), TypeError, "per is a number of seconds or a unit"),
        (lambda: RateLimit("5/s", 0), ValueError, "burst is a whole number of at least 1"),
        (lambda: RateLimit("5/s", 1.5), TypeError, "burst is a whole number of at least 1, or None"),
        (lambda: RateLimit("5/s", max_wait=-1), ValueError, "max_wait is a finite number of seconds"),
    ],
)
def test_a_wrong_rate_is_refused_where_it_is_written(make, error, text):
    """The message says what is wrong, and most of them how to write it."""
    with pytest.raises(error, match=text):
        make()


def test_equal_rates_may_be_written_differently():
    """`60/min` and 60 per 60 seconds are the same limit, when both share it by name."""
    assert RateLimit("60/min").settings == RateLimit(60, per=60).settings == RateLimit("60/min", 60).settings
    assert RateLimit("60/min").settings != RateLimit("1/s").settings
