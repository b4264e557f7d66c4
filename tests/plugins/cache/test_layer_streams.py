"""The layer around generators: what was read to its end is kept."""

from __future__ import annotations

import asyncio
import threading
from itertools import count

import pytest

from pegboard import Layer, Order, Session, hookimpl, task
from pegboard_cache import Cache
from pegboard_cache._layer import STREAM_BYTES_MOST


class StandIn:
    """Answers failing streams inside the cache, as a handler does."""

    name = "stand-in"

    @hookimpl
    def bind(self, session, task):
        async def stream(call, proceed):
            async for item in proceed(call):
                yield item
            call.source = "fallback"

        return Layer("stand-in", Order.CACHE + 1, stream=stream)


def test_fallback_stream_is_not_stored(caching):
    """Nor are the items of a stream."""

    @task(Cache())
    def stream():
        yield 1

    with Session(caching, StandIn(), inherit=False):
        assert list(stream()) == [1]
    assert caching.stats().stored == 0


def test_unhashable_argument_of_a_stream(session):
    """The same for a stream."""

    @task(Cache())
    def stream(gate):
        yield 1
        yield 2

    assert [list(stream(threading.Lock())) for _ in "ab"] == [[1, 2], [1, 2]]


def streams():
    """A generator and an async generator task that do the same, with a way to read them."""

    def read(stream, most=None):
        taken = []
        for item in stream:
            taken.append(item)
            if len(taken) == most:
                stream.close()
                break
        return taken

    async def aread(stream, most=None):
        taken = []
        async for item in stream:
            taken.append(item)
            if len(taken) == most:
                await stream.aclose()
                break
        return taken

    def build(runs, *options, fail_at=None):
        @task(*options)
        def sync(n):
            next(runs)
            for i in range(n):
                if i == fail_at:
                    raise LookupError(i)
                yield i

        @task(*options)
        async def later(n):
            next(runs)
            for i in range(n):
                await asyncio.sleep(0)
                if i == fail_at:
                    raise LookupError(i)
                yield i

        return (
            lambda n, most=None: read(sync(n), most),
            lambda n, most=None: asyncio.run(aread(later(n), most)),
        )

    return build


@pytest.fixture(params=[0, 1], ids=["generator", "async_generator"])
def stream_of(request):
    """Make a reader of a cached stream task of one kind."""
    build = streams()
    return lambda runs, *options, **settings: build(runs, *(options or (Cache(),)), **settings)[request.param]


def test_finished_stream_is_replayed(session, recorder, stream_of):
    """A stream that ended is answered from the store, item by item."""
    runs = count()
    read = stream_of(runs)
    assert [read(3), read(3)] == [[0, 1, 2], [0, 1, 2]]
    assert next(runs) == 1
    assert len(recorder.of("on_iteration")) == 6
    assert [str(e) for e in recorder.of("after_execute")][-1] == "after_execute ok/cache 0"


def test_partly_read_stream_is_not_stored(session, stream_of, caching, recorder):
    """A stream that was left after two items leaves nothing."""
    runs = count()
    read = stream_of(runs)
    assert read(3, most=2) == [0, 1]
    assert caching.stats().entries == 0
    assert read(3) == [0, 1, 2]
    assert recorder.unbalanced() == []


def test_failed_stream_is_not_stored(session, stream_of, caching):
    """Nor does one that failed."""
    read = stream_of(count(), fail_at=2)
    with pytest.raises(LookupError):
        read(3)
    assert caching.stats().entries == 0


def test_empty_stream_is_a_hit(session, stream_of):
    """No items are a value too."""
    runs = count()
    read = stream_of(runs)
    assert [read(0), read(0)] == [[], []]
    assert next(runs) == 1


def test_huge_stream_passes_and_is_not_stored(caching, warnings_of_cache):
    """Items are kept up to a bound only; beyond it the stream goes on and nothing is stored."""
    large = b"x" * (STREAM_BYTES_MOST // 4)

    @task(Cache())
    def stream():
        for _ in range(6):
            yield large

    with Session(caching, inherit=False):
        assert sum(1 for _ in stream()) == 6
    assert caching.stats().unstorable == 1
    assert len(warnings_of_cache()) == 1


def test_two_streams_at_once_do_not_wait(session, caching):
    """Streams do not share one run: their consumer sets the pace, and may hold both in one thread."""
    runs = count()

    @task(Cache())
    def stream():
        next(runs)
        yield 1
        yield 2

    one, two = stream(), stream()
    assert [next(one), next(two), next(one), next(two)] == [1, 1, 2, 2]
    assert [list(one), list(two)] == [[], []]
    assert next(runs) == 2


def test_stream_that_was_answered_is_not_stored(session, caching):
    """What is sent to it is no part of the key, and a stored one could not be spoken to."""

    @task(Cache())
    def echo():
        said = yield "first"
        yield said

    for said in ("a", "b"):
        items = echo()
        assert next(items) == "first"
        assert items.send(said) == said
        assert list(items) == []
    assert caching.stats().hits == 0


def test_stream_that_returned_a_value_is_not_stored(session, caching):
    """It would come back without it."""

    @task(Cache())
    def counted():
        yield 1
        return "one"

    for _ in range(2):
        items = counted()
        assert next(items) == 1
        with pytest.raises(StopIteration) as end:
            next(items)
        assert end.value.value == "one"
    assert caching.stats().hits == 0
