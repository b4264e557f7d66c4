"""Whether an event loop turns."""

from __future__ import annotations

import asyncio

import pytest

from pegboard_prometheus.health.loop_watch import LoopWatch


@pytest.fixture
def times():
    """The time, as the last of these."""
    return [0.0]


@pytest.fixture
def watched(times):
    """Watch a loop, and have a function called in it."""

    def watched(function):
        async def main():
            watch = LoopWatch(asyncio.get_running_loop(), lambda: times[-1])
            await asyncio.sleep(0)
            return await function(watch)

        return asyncio.run(main())

    return watched


async def turned(condition):
    """Wait until something holds, while the loop turns; tell whether it did."""
    for _ in range(600):
        if condition():
            return True
        await asyncio.sleep(0.05)
    return False


def test_one_that_has_not_turned_stands_still(watched, times):
    """From so many seconds on."""

    async def look(watch):
        times.append(9.0)
        before = watch.stands_still(10)
        times.append(10.0)
        return before, watch.stands_still(10)

    assert watched(look) == (False, True)


def test_one_that_turns_does_not(watched, times):
    """It notes the time by itself."""

    async def look(watch):
        times.append(100.0)
        return await turned(lambda: not watch.stands_still(10))

    assert watched(look)


def test_one_that_is_over_does_not(watched, times):
    """Nor does one that has been closed before it was watched."""

    async def give(watch):
        return watch

    watch = watched(give)
    times.append(100.0)
    assert not watch.stands_still(10)
    assert not LoopWatch(watch.loop, lambda: times[-1]).stands_still(0)


def test_a_loop_is_left_alone_at_the_end(watched):
    """Its next turn asks for no further one."""

    async def count(watch):
        loop = asyncio.get_running_loop()
        watch.end()
        return await turned(lambda: not any("LoopWatch" in repr(handle) for handle in loop._scheduled))

    assert watched(count)
