"""What the tests of the cache share."""

from __future__ import annotations

import asyncio
import logging

import pytest

from pegboard import Session, task
from pegboard.testing import FakeClock, Recorder
from pegboard_cache import Cache, Caching


@pytest.fixture(params=["memory", "folder", "redis"])
def caching(request, tmp_path):
    """A plugin with an empty store, once of each kind that goes its own way; objects are kept as a server's values are."""
    return caching_on(request.param, request, tmp_path)


@pytest.fixture(params=["memory", "folder", "redis", "objects"])
def any_caching(request, tmp_path):
    """A plugin with an empty store, once of each kind."""
    return caching_on(request.param, request, tmp_path)


def caching_on(kind, request, tmp_path):
    """Make a plugin with a store of this kind."""
    if kind == "folder":
        return Caching(tmp_path / "cache")
    if kind == "redis":
        return Caching(request.getfixturevalue("redis_url"))
    return Caching("memory:///") if kind == "objects" else Caching()


@pytest.fixture
def clock():
    """A clock that moves when it is told to."""
    return FakeClock()


@pytest.fixture
def recorder():
    """Keeps every event."""
    return Recorder()


@pytest.fixture
def session(caching, clock, recorder):
    """An open session with a cache, a fake clock and a recorder."""
    with Session(clock, caching, recorder, inherit=False, strict=True) as opened:
        yield opened


@pytest.fixture(params=["sync", "async"])
def make(request):
    """Turn a sync body into a cached task of each colour, called like a function."""

    def build(body, *options):
        if request.param == "sync":
            return task(body).with_options(*(options or (Cache(),)))

        async def later(*args, **kwargs):
            await asyncio.sleep(0)
            return body(*args, **kwargs)

        later.__wrapped__ = body
        cached = task(later).with_options(*(options or (Cache(),)))
        return lambda *args, **kwargs: asyncio.run(_awaited(cached, args, kwargs))

    return build


async def _awaited(cached, args, kwargs):
    return await cached(*args, **kwargs)


@pytest.fixture
def warnings_of_cache(caplog):
    """The warnings that the cache logged so far: those about closures over counters, as tests have them, or the others."""
    caplog.set_level(logging.WARNING, logger="pegboard.cache")

    def logged(*, closures=False):
        texts = [record.getMessage() for record in caplog.records if record.name == "pegboard.cache"]
        return [text for text in texts if ("made of something" in text) == closures]

    return logged
