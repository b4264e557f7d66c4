"""What the tests of validation share: one task in each of the four kinds, and ways to be wrong."""

from __future__ import annotations

import asyncio
import pickle
import traceback

import pytest

from pegboard import Session, task

CANARY = "canary-7fc1"


@pytest.fixture
def session():
    """An open, strict session that inherits nothing."""
    with Session(strict=True, inherit=False) as opened:
        yield opened


@pytest.fixture(params=["function", "coroutine", "generator", "async_generator"])
def any_kind(request):
    """Turn a function into a task of each kind in turn; a stream yields what the function returns, once."""
    return lambda body, *options, **settings: task(*options, **settings)(as_kind(body, request.param))


@pytest.fixture(params=["function", "coroutine"])
def both(request):
    """Turn a function into a task of each colour."""
    return lambda body, *options, **settings: task(*options, **settings)(as_kind(body, request.param))


def as_kind(body, kind):
    """Write a function as another kind, with the same parameters and annotations."""

    def function(*args, **kwargs):
        return body(*args, **kwargs)

    async def coroutine(*args, **kwargs):
        await asyncio.sleep(0)
        return body(*args, **kwargs)

    def generator(*args, **kwargs):
        yield body(*args, **kwargs)

    async def async_generator(*args, **kwargs):
        await asyncio.sleep(0)
        yield body(*args, **kwargs)

    made = locals()[kind]
    made.__wrapped__ = body
    made.__qualname__ = body.__qualname__
    return made


@pytest.fixture
def value_of():
    """Call a task of any kind and return its value, that of a stream its one item."""

    def value(probe, *args, **kwargs):
        found = probe.run(*args, **kwargs).unwrap()
        return found[0] if probe.kind.endswith("generator") else found

    return value


@pytest.fixture
def canary():
    """Text that stands for somebody's data, and must turn up nowhere."""
    return CANARY


@pytest.fixture
def shown():
    """Everything that an error shows: text, repr, facts, traceback with its causes and contexts, and its pickle."""

    def everything(error):
        found = [str(error), repr(error), repr(vars(error)), repr(pickle.dumps(error))]
        found += traceback.format_exception(error)
        found += [repr(each) for each in (error.__cause__, error.__context__) if each is not None]
        return "\n".join(found)

    return everything
