"""What a task may ask for."""

from __future__ import annotations

import asyncio

import pytest

from pegboard import Backoff, Retry, task


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: Retry(-1), ValueError),
        (lambda: Retry("3"), TypeError),
        (lambda: Retry(True), TypeError),
        (lambda: Retry(1.5), TypeError),
        (lambda: Retry(times=3), TypeError),
        (lambda: Retry(3, 1.0), TypeError),
        (lambda: Retry(wait=-1), ValueError),
        (lambda: Retry(wait=float("nan")), ValueError),
        (lambda: Retry(wait=Backoff), TypeError),
        (lambda: Retry(wait="1"), TypeError),
        (lambda: Retry(on="OSError"), TypeError),
        (lambda: Retry(on=[OSError]), TypeError),
        (lambda: Retry(on=KeyboardInterrupt), ValueError),
        (lambda: Retry(on=(OSError, asyncio.CancelledError)), ValueError),
        (lambda: Retry(unless=int), TypeError),
        (lambda: task(Retry), TypeError),
        (lambda: task(3), TypeError),
    ],
)
def test_a_bad_option_is_refused_where_it_is_written(make, error: type[Exception]) -> None:
    """Nothing waits for the first failure to be found wrong."""
    with pytest.raises(error):
        make()


def test_forgotten_parentheses_are_said() -> None:
    """`@task(Retry)` asks whether the parentheses were forgotten."""
    with pytest.raises(TypeError, match="forget the parentheses"):
        task(Retry)


def test_options_are_values() -> None:
    """Equal options are equal, and cannot be changed."""
    assert Retry(2, on=OSError) == Retry(2, on=OSError)
    with pytest.raises(AttributeError):
        Retry(2).retries = 3
