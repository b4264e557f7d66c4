"""Leaving a store alone that keeps its callers waiting."""

from __future__ import annotations

import pytest

from pegboard_cache.stores.breaker import Rest


def fails(error):
    raise error


def test_slow_failure_is_followed_by_a_rest():
    """C3: after a failure that took long the store is not asked for a while, and the error says so."""
    asked = []
    rest = Rest(lambda error, seconds: isinstance(error, TimeoutError))
    with pytest.raises(TimeoutError):
        rest.ask(fails, TimeoutError())
    with pytest.raises(ConnectionError, match="left alone"):
        rest.ask(asked.append, 1)
    assert asked == []


def test_quick_failure_is_not():
    """A failure that cost nobody time, like a refused connection, is tried again at once."""
    asked = []
    rest = Rest(lambda error, seconds: seconds > 1)
    with pytest.raises(ConnectionRefusedError):
        rest.ask(fails, ConnectionRefusedError())
    rest.ask(asked.append, 1)
    assert asked == [1]
