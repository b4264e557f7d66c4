"""What items, streams, limits and secrets are on a cluster: as on processes."""

from __future__ import annotations

import asyncio

import pytest
from dask_tasks import (
    Frozen,
    NotMadeAgain,
    asks_for_secret,
    counts,
    counts_async,
    gives_unmade,
    place_of_call,
    raises_frozen,
    signs,
    sleeps,
    square,
    takes,
)

from pegboard import Secrets, Session, TaskTimeout, Timeout
from pegboard.errors import TransportError
from pegboard.testing import Recorder
from pegboard_dask import Dask


@pytest.fixture(scope="module")
def dask(cluster):
    """One plugin for all; each session connects anew."""
    return Dask(cluster)


@pytest.fixture
def session(dask):
    """Runs maps and submitted calls on the cluster."""
    recorder = Recorder()
    with Session(dask, recorder, executor="dask", inherit=False) as opened:
        square.map(range(1000))  # chunks have grown
        yield opened
    assert recorder.unbalanced() == []


def failures(found):
    """Return what failed, by position."""
    return {index: type(each) for index, each in enumerate(found) if isinstance(each, Exception)}


@pytest.mark.usefixtures("session")
class TestItems:
    """They stand and fall alone."""

    def test_an_argument_that_cannot_be_made_again(self):
        """It is an error of its item, that names it."""
        inputs = [NotMadeAgain() if number == 3 else number for number in range(40)]
        found = takes.map(inputs, on_error="collect")
        assert failures(found) == {3: TransportError}
        assert found[3].index == 3

    def test_a_result_that_cannot_be_made_again(self):
        """The others keep theirs."""
        found = gives_unmade.map(range(40), on_error="collect")
        assert failures(found) == {3: TransportError}

    def test_an_error_that_nothing_can_be_set_on(self):
        """It is raised as itself."""
        assert failures(raises_frozen.map(range(40), on_error="collect")) == {3: Frozen}

    @pytest.mark.parametrize("body", [counts, counts_async], ids=["generator", "async"])
    def test_streams(self, body):
        """They give lists."""
        assert body.map([1, 2]) == [[0], [0, 1]]
        assert body.submit(2).result(20) == [0, 1]

    def test_the_call_knows_where_it_runs(self):
        """Its executor is the cluster."""
        assert place_of_call.map([1]) == [("dask", True)]
        assert place_of_call.submit().result(20) == ("dask", True)

    @pytest.mark.parametrize("way", ["submit", "amap"])
    def test_a_limit_begins_with_the_function(self, way):
        """More of them than workers do not end of the wait for one."""
        task = sleeps.with_options(Timeout(2.0))
        if way == "submit":
            assert [each.result(30) for each in [task.submit(0.8) for _ in range(8)]] == [0.8] * 8
        else:
            assert asyncio.run(task.amap([0.8] * 8)) == [0.8] * 8

    def test_a_limit_is_kept(self):
        """A function that takes too long is not waited for."""
        assert failures(sleeps.with_options(Timeout(0.5)).map([1.5, 0.0], on_error="collect")) == {
            0: TaskTimeout
        }


def test_secrets_are_the_sessions_own_and_masked_here(dask):
    """Those that a task needs travel with it, and those that a worker asks for come from the same providers."""
    with Session(dask, Secrets({"TOKEN": "tok-of-the-session"}), executor="dask", inherit=False) as session:
        assert signs.submit().result(20) == "tok-of-the-session"
        assert asks_for_secret.map([1]) == ["tok-of-the-session"]
        assert session.masks.mask("tok-of-the-session") == "***"
