"""Leaving a store alone that keeps its callers waiting."""

from __future__ import annotations

import pytest

from pegboard_cache.stores.breaker import CircuitBreaker


def fails(error):
    raise error


def test_slow_failure_opens_it():
    """After a failure that took long the store is not asked for a while, and the error says so."""
    asked = []
    breaker = CircuitBreaker(lambda error, seconds: isinstance(error, TimeoutError))
    with pytest.raises(TimeoutError):
        breaker.call(fails, TimeoutError())
    with pytest.raises(ConnectionError, match="left alone"):
        breaker.call(asked.append, 1)
    assert asked == []


def test_quick_failure_does_not():
    """A failure that cost nobody time, like a refused connection, is tried again at once."""
    asked = []
    breaker = CircuitBreaker(lambda error, seconds: seconds > 1)
    with pytest.raises(ConnectionRefusedError):
        breaker.call(fails, ConnectionRefusedError())
    breaker.call(asked.append, 1)
    assert asked == [1]
