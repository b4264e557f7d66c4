"""The plugin: values that are to be forgotten."""

from __future__ import annotations

import asyncio
import threading
from itertools import count

import pytest

from pegboard import Session, task
from pegboard_cache import Cache, Caching


def test_invalidate(session, caching):
    """One call's value is forgotten, however the call is written; the others stay."""
    runs = count()

    @task(Cache())
    def body(a, b=2):
        return next(runs)

    body(1)
    body(2)
    assert caching.invalidate(body, a=1, b=2)
    assert not caching.invalidate(body, 1)
    assert [body(2), body(1)] == [1, 2]


def test_invalidate_wrong_arguments(caching):
    """Arguments that do not fit the task are an error, not an entry that is not there."""

    @task(Cache())
    def body(a):
        return a

    with pytest.raises(TypeError, match="too many"):
        caching.invalidate(body, 1, 2)
    with pytest.raises(TypeError, match="lock"):
        caching.invalidate(body, threading.Lock())


class Box:
    def __init__(self, n):
        self.n = n

    @task(Cache())
    def value(self, x):
        return self.n + x


def test_invalidate_method(session, caching):
    """A method is given as the attribute of an object."""
    Box(1).value(1)
    Box(2).value(1)
    assert caching.invalidate(Box(1).value, 1)
    assert caching.stats().entries == 1


def test_clear_task(session, caching):
    """All values of one task are forgotten, whatever the version; other tasks keep theirs."""

    @task(Cache())
    def one(x):
        return x

    @task(Cache())
    def other(x):
        return x

    one.map([1, 2, 3])
    one.with_options(Cache(version=2))(1)
    other(1)
    assert caching.clear(one) == 4
    assert caching.stats().entries == 1


def test_task_cached_by_default_option():
    """A task that is cached by the session's default can be invalidated too."""

    @task
    def body(x):
        return x

    caching = Caching()
    with Session(caching, defaults=[Cache()], inherit=False):
        body(1)
        assert caching.invalidate(body, 1)
    with pytest.raises(ValueError, match="no Cache option"):
        caching.invalidate(body, 1)


def test_async_twins(any_caching):
    """Coroutines count, forget and clear without holding up the loop."""
    runs = count()

    @task(Cache())
    async def body(x):
        return next(runs)

    async def main():
        await body(1)
        await body(2)
        assert (await any_caching.astats()).entries == 2
        assert await any_caching.ainvalidate(body, x=1)
        assert not await any_caching.ainvalidate(body, 1)
        assert await any_caching.aclear(body) == 1
        assert await any_caching.aclear() == 0

    with Session(any_caching, inherit=False, strict=True):
        asyncio.run(main())


@pytest.mark.parametrize("wrong", ["body", print, Cache()], ids=["name", "function", "option"])
def test_forgetting_what_is_no_task(wrong):
    """Anything but a task is refused, and the text says what to give."""
    for forget in (Caching().clear, Caching().invalidate):
        with pytest.raises(TypeError, match="decorated function"):
            forget(wrong)
