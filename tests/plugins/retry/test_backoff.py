"""Waits of every sort, on the session's clock."""

from __future__ import annotations

import math
import random

import pytest
import tenacity
from hypothesis import given
from hypothesis import strategies as st

from pegboard import Backoff, Retry, Session, task
from pegboard.testing import FakeClock


def test_without_jitter_the_arithmetic_is_exact() -> None:
    """Before retry k: min(max, initial * factor ** (k - 1)) seconds."""
    backoff = Backoff(1, factor=2, max=10, jitter=0)
    assert [backoff.delay(k) for k in range(1, 7)] == [1, 2, 4, 8, 10, 10]


@given(
    retry=st.integers(1, 5_000),
    initial=st.floats(0, 100),
    factor=st.floats(1, 10),
    most=st.floats(0, 1000),
    jitter=st.just("full") | st.floats(0, 10),
)
def test_a_wait_stays_in_its_bounds(retry: int, initial: float, factor: float, most: float, jitter) -> None:
    """Full jitter draws between nothing and the computed wait; a number adds at most itself; nothing overflows."""
    backoff = Backoff(initial, factor=factor, max=most, jitter=jitter)
    bare = Backoff(initial, factor=factor, max=most, jitter=0).delay(retry)
    wait = backoff.delay(retry)
    if jitter == "full":
        assert 0 <= wait <= bare
    else:
        assert bare <= wait <= bare + jitter
    assert bare <= most


def test_the_default_is_a_sane_wait() -> None:
    """0.1 s, doubling, at most a minute, with full jitter."""
    assert Backoff() == Backoff(initial=0.1, factor=2.0, max=60.0, jitter="full")
    assert max(Backoff().delay(1) for _ in range(200)) <= 0.1
    assert max(Backoff().delay(99) for _ in range(200)) <= 60


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"initial": -1}, ValueError),
        ({"factor": 0.5}, ValueError),
        ({"max": math.inf}, ValueError),
        ({"max": math.nan}, ValueError),
        ({"jitter": -0.1}, ValueError),
        ({"jitter": "some"}, TypeError),
        ({"initial": "1"}, TypeError),
        ({"initial": True}, TypeError),
        ({"initail": 1}, TypeError),
    ],
)
def test_a_bad_wait_is_refused_where_it_is_written(
    arguments: dict[str, object], error: type[Exception]
) -> None:
    """Negative, endless and misspelt values fail at once."""
    with pytest.raises(error):
        Backoff(**arguments)


@pytest.mark.parametrize(
    ("kind", "waits"),
    [
        ("exponential", [1, 2, 4, 8, 10]),
        ("linear", [1, 3, 5, 7, 9]),
        ("constant", [1, 1, 1, 1, 1]),
        ("fibonacci", [1, 1, 2, 3, 5]),
    ],
)
def test_the_kinds_grow_each_in_its_way(kind: str, waits: list[float]) -> None:
    """Multiplied, added to, not at all, or as the Fibonacci numbers; never above `max`."""
    backoff = Backoff(initial=1, factor=2, max=10, jitter=0, kind=kind)
    assert [backoff.delay(retry) for retry in range(1, 6)] == waits


@pytest.mark.parametrize("jitter", ["full", 5])
def test_a_seed_makes_the_jitter_reproducible(jitter) -> None:
    """The waits of one seed are the same in every call, and those of another differ."""

    def waits(seed: int) -> list[float]:
        backoff = Backoff(initial=1, jitter=jitter, seed=seed)
        return [backoff.delay(retry) for retry in range(1, 6)]

    assert waits(1) == waits(1)
    assert waits(1) != waits(2)
    assert len(set(waits(1))) == 5


def test_an_unknown_kind_is_refused() -> None:
    """Where it is written."""
    with pytest.raises(ValueError, match="kind"):
        Backoff(kind="cubic")


def waits_of(option: Retry) -> list[float]:
    """Fail for ever under `option`, and return the waits."""

    @task(option)
    def always() -> None:
        raise OSError("no")

    clock = FakeClock()
    with Session(clock):
        assert isinstance(always.run().error, OSError)
    return clock.sleeps


@pytest.mark.parametrize(
    ("wait", "waits"),
    [
        (0, []),
        (1.5, [1.5, 1.5, 1.5]),
        (Backoff(1, jitter=0), [1, 2, 4]),
        (tenacity.wait_fixed(3), [3, 3, 3]),
        (tenacity.wait_exponential(multiplier=2), [2, 4, 8]),
        (tenacity.wait_incrementing(start=1, increment=5), [1, 6, 11]),
        (tenacity.wait_chain(tenacity.wait_fixed(1), tenacity.wait_fixed(9)), [1, 9, 9]),
    ],
    ids=["none", "seconds", "backoff", "fixed", "exponential", "incrementing", "chain"],
)
def test_waits_are_those_asked_for(wait, waits: list[float]) -> None:
    """Between the runs, in seconds; a wait of 0 never sleeps, and none follows the last failure."""
    assert waits_of(Retry(3, wait=wait)) == waits


def test_a_tenacity_wait_is_told_the_error() -> None:
    """The retry state carries attempt and outcome, as under tenacity itself."""
    seen = []

    def wait(state) -> float:
        seen.append((state.attempt_number, type(state.outcome.exception())))
        return 0.5

    assert waits_of(Retry(2, wait=wait)) == [0.5, 0.5]
    assert seen == [(1, OSError), (2, OSError)]


def test_a_wait_that_fails_is_the_calls_error() -> None:
    """A broken wait strategy is not hidden."""

    def wait(state) -> float:
        raise ZeroDivisionError

    @task(Retry(2, wait=wait))
    def always() -> None:
        raise OSError("no")

    with Session():
        assert isinstance(always.run().error, ZeroDivisionError)


@pytest.mark.parametrize("kind", ["exponential", "constant", "fibonacci"])
@pytest.mark.parametrize("initial", [0, 0.0])
@pytest.mark.parametrize("retry", [1, 310, 1024, 1026, 5000])
def test_nothing_grows_from_nothing(kind, initial, retry) -> None:
    """A wait that begins at 0 stays there, also where what it is multiplied by is too large for a float."""
    assert Backoff(initial, factor=10, jitter=0, kind=kind).delay(retry) == 0
    assert Backoff(initial, factor=10, kind=kind).delay(retry) == 0


@pytest.mark.parametrize("retry", [1026, 5000])
def test_what_is_too_large_for_a_float_is_the_longest_wait(retry) -> None:
    """It never overflows, from whole numbers or others."""
    assert Backoff(1, jitter=0).delay(retry) == Backoff(1.0, jitter=0).delay(retry) == 60
    assert Backoff(0.5, jitter=0, kind="fibonacci").delay(retry) == 60


def test_the_jitter_is_none_of_the_program_s_numbers():
    """It neither depends on a seed that a task sets, nor uses up what the task draws next."""
    random.seed(7)
    plain = random.random()
    drawn = []
    for _ in range(2):
        random.seed(7)
        drawn.append(Backoff().delay(5))
        assert random.random() == plain
    assert drawn[0] != drawn[1]
