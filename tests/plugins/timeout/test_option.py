"""The options: what they refuse, and where they may stand."""

from __future__ import annotations

import math

import pytest

from pegboard import UnsupportedTask, task
from pegboard_timeout import Deadline, Timeout

both = pytest.mark.parametrize("option", [Timeout, Deadline])


@both
@pytest.mark.parametrize("seconds", [0, -1, math.nan, math.inf])
def test_a_limit_that_means_nothing_is_refused(option, seconds: float) -> None:
    """Zero, negative, NaN and infinite limits fail where they are written (rule 10)."""
    with pytest.raises(ValueError, match="seconds is a finite number of seconds above 0"):
        option(seconds)


@both
@pytest.mark.parametrize("seconds", ["1", None, True, [1]])
def test_a_limit_is_a_number(option, seconds: object) -> None:
    """What is no number is a TypeError; True is none."""
    with pytest.raises(TypeError, match="seconds is a finite number"):
        option(seconds)


@both
def test_a_stream_has_no_limit(option) -> None:
    """On a generator task, sync or async, both are refused at decoration (rule 15)."""

    def items():
        yield 1

    async def aitems():
        yield 1

    for function in (items, aitems):
        with pytest.raises(UnsupportedTask, match=option.__name__):
            task(option(1))(function)
