"""Leaving a store alone that keeps its callers waiting."""

from __future__ import annotations

import pytest

from pegboard_cache.stores import breaker
from pegboard_cache.stores.breaker import CircuitBreaker


@pytest.fixture
def now(monkeypatch):
    """The time, which a failing store moves on."""
    seconds = [100.0]
    monkeypatch.setattr(breaker.time, "monotonic", lambda: seconds[0])
    return seconds


def fails_after(now, seconds):
    def command():
        now[0] += seconds
        raise TimeoutError

    return command


@pytest.mark.parametrize(("cost", "pause"), [(0.02, 0.5), (0.1, 2.5), (3.0, 5.0), (0.011, 0.275)])
def test_slow_failure_opens_it(now, cost, pause):
    """After a failure that took time the store is not asked for many times as long, and the error says so."""
    asked, opened = [], CircuitBreaker()
    with pytest.raises(TimeoutError):
        opened.call(fails_after(now, cost))
    now[0] += pause - 0.001
    with pytest.raises(ConnectionError, match="left alone"):
        opened.call(asked.append, 1)
    now[0] += 0.002
    opened.call(asked.append, 2)
    assert asked == [2]


def test_quick_failure_does_not(now):
    """A failure that cost nobody time, like a refused connection, is tried again at once."""
    asked, closed = [], CircuitBreaker()
    with pytest.raises(TimeoutError):
        closed.call(fails_after(now, 0.001))
    closed.call(asked.append, 1)
    assert asked == [1]


def test_slow_success_does_not(now):
    """A store that takes its time and answers is asked again."""
    closed = CircuitBreaker()
    assert closed.call(lambda: now.__setitem__(0, now[0] + 9)) is None
    assert closed.call(int) == 0
