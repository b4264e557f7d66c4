"""The option that says where a task's function runs."""

from __future__ import annotations

import threading

import pytest

from pegboard import ConfigError, On, Session, UnsupportedTask, task


def thread_of(_=None):
    return threading.get_ident()


def test_threads_and_inline_count_for_maps_and_submit():
    """A task on `inline` or `threads` runs there when mapped or submitted, whatever the session has; called, here."""
    here = threading.get_ident()
    inline, threads = task(On("inline"))(thread_of), task(On("threads"), name="on_threads")(thread_of)
    with Session(executor="threads"):
        assert set(inline.map(range(4))) == {here}
        assert inline.submit().result() == here
    with Session(executor="inline"):
        assert threads.submit().result() != here
        assert threads() == here


@pytest.mark.parametrize("name", ["proceses", "nowhere", ""])
def test_unknown_executor(name):
    """An executor that nobody has is refused at decoration, and the nearest name is offered."""
    with pytest.raises(ConfigError, match="inline, threads, dask, processes") as caught:
        On(name)
    assert (caught.value.where, caught.value.key) == ("executor", name)
    assert ("Did you mean 'processes'?" in str(caught.value)) == (name == "proceses")


def test_not_a_name():
    """Something else than a name is refused."""
    with pytest.raises(TypeError, match="name of an executor"):
        On(threading)


@pytest.mark.parametrize("name", ["inline", "threads"])
def test_coroutine_on_threads(name):
    """A coroutine runs in its event loop, so threads mean nothing to it."""
    with pytest.raises(UnsupportedTask, match="event loop"):

        @task(On(name))
        async def fetch(): ...


def test_streams_have_no_place():
    """A stream steps where its consumer is."""
    with pytest.raises(UnsupportedTask):

        @task(On("processes"))
        def items():
            yield 1
