"""The call that a function sees in a worker."""

from __future__ import annotations

import asyncio
from concurrent.futures import ProcessPoolExecutor

import pytest
import remote_tasks as tasks

from pegboard import On, Session
from pegboard.testing import Recorder

THERE = ("processes", True, True)


@pytest.mark.parametrize("watched", [False, True], ids=["quick", "watched"])
def test_it_knows_where_it_runs(warm, watched):
    """`executor` and `is_remote` are what hooks at home see, however it was called."""
    with Session(*([Recorder()] if watched else []), executor=warm):
        assert tasks.place_of_call.with_options(On("processes"))() == THERE
        assert tasks.place_of_call.submit().result() == THERE
        assert tasks.place_of_call.map([1, 2]) == [THERE] * 2
        assert list(tasks.place_of_call.imap([1])) == [THERE]
        assert tasks.place_of_async_call.map([1]) == [THERE]
        assert asyncio.run(tasks.place_of_call.amap([1])) == [THERE]


def test_calls_made_in_a_worker_run_there(warm):
    """What the function calls in turn runs where it was called: inline."""
    with Session(executor=warm):
        assert tasks.place_of_inner_call.submit().result() == ("inline", False, True)


def test_on_an_executor_of_somebody_else():
    """The name is that of the executor."""
    with ProcessPoolExecutor(1) as pool, Session(executor=pool):
        assert tasks.place_of_call.map([1]) == [("ProcessPoolExecutor", True, True)]
        assert tasks.place_of_call.submit().result() == ("ProcessPoolExecutor", True, True)
