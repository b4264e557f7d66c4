"""Bad values are refused where they are written."""

from __future__ import annotations

import pytest

from pegboard_limits import Breaker, Concurrency


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: Breaker(0), ValueError, "failures is a whole number of at least 1"),
        (lambda: Breaker("5"), TypeError, "failures is a whole number"),
        (lambda: Breaker(True), TypeError, "failures is a whole number"),
        (lambda: Breaker(5, 0), ValueError, "recovery is a finite number of seconds above 0"),
        (lambda: Breaker(5, float("inf")), ValueError, "recovery is a finite number"),
        (lambda: Breaker(5, None), TypeError, "recovery is a finite number of seconds"),
        (lambda: Breaker(5, 60, window=0), ValueError, "window is a finite number of seconds above 0"),
        (
            lambda: Breaker(5, 60, window="1"),
            TypeError,
            "window is a finite number of seconds above 0, or None",
        ),
        (lambda: Breaker(name=""), ValueError, "name is empty"),
        (lambda: Breaker(5, 60, 5), TypeError, "name is a string, or None"),
        (lambda: Breaker(on="OSError"), TypeError, "on is an exception class or a tuple"),
        (lambda: Breaker(on=(OSError, 5)), TypeError, "on is an exception class or a tuple"),
        (lambda: Breaker(unless=KeyboardInterrupt), ValueError, "never counted as its failure"),
        (lambda: Concurrency(0), ValueError, "n is a whole number of at least 1"),
        (lambda: Concurrency(2.0), TypeError, "n is a whole number"),
        (
            lambda: Concurrency(2, max_wait=-1),
            ValueError,
            "max_wait is a finite number of seconds of at least 0",
        ),
        (lambda: Concurrency(2, " "), ValueError, "name is empty"),
    ],
)
def test_a_bad_value_is_refused_at_decoration(make, error, text):
    """The message names the parameter and says what it takes."""
    with pytest.raises(error, match=text):
        make()


def test_zero_and_none_are_good_where_they_mean_something():
    """`max_wait=0` never waits, None waits for ever; a window of None is any age."""
    assert Concurrency(1, max_wait=0).max_wait == 0
    assert Concurrency(1).max_wait is None
    assert Breaker().window is None
