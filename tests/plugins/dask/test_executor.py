"""Functions on a cluster: what comes back, what is stopped, what a dead worker leaves."""

from __future__ import annotations

import os
import time
from concurrent.futures import CancelledError

import pytest
from dask_tasks import (
    die,
    die_at_three,
    die_once,
    divide,
    measured,
    note,
    process,
    slow_process,
    square,
    total,
    who,
)

from pegboard import Session, WorkerDied, hookimpl
from pegboard.testing import Recorder
from pegboard_dask import Dask


@pytest.fixture(scope="module")
def dask(cluster):
    """One plugin for all; each session connects anew."""
    return Dask(cluster)


@pytest.fixture
def recorder():
    return Recorder()


@pytest.fixture
def session(dask, recorder):
    """Runs maps and submitted calls on the cluster."""
    with Session(dask, recorder, executor="dask", inherit=False) as opened:
        yield opened
    assert recorder.unbalanced() == []


@pytest.mark.parametrize("executor", ["inline", "threads", "processes", "dask"])
def test_every_executor_gives_the_same(executor, dask):
    """A map, a failing map and a nested map have the same results wherever they run."""
    with Session(dask, executor=executor, inherit=False):
        assert square.map(range(300)) == [number * number for number in range(300)]
        assert total.map([3, 4]) == [5, 14]
        kept = divide.map([1, 2, 3], [1, 0, 2], on_error="collect")
        assert (kept[0], type(kept[1]), kept[2]) == (1, ZeroDivisionError, 1.5)


def test_a_direct_call_is_placed(session):
    """`On("dask")` places a task that is called directly, sync."""
    assert process() != os.getpid()


async def _placed(dask):
    async with Session(dask, inherit=False):
        return await slow_process()


def test_a_coroutine_is_placed(dask):
    """`On("dask")` places a coroutine, awaited at the caller's."""
    import asyncio

    assert asyncio.run(_placed(dask)) != os.getpid()


def test_the_call_of_a_worker_is_the_one_at_home(session, recorder):
    """`current_call()` in a worker has id, name, map index and attempt of the call at home."""
    seen = who.map(range(3))
    calls = [event.subject for event in recorder.of("before_execute")]
    assert seen == [(call.id, "who", index, 1) for index, call in enumerate(calls)]


def test_submit_gives_a_future(session, recorder):
    """`submit` runs on the cluster, and its call names the executor."""
    assert square.submit(7).result(20) == 49
    assert [call.executor for call in {event.subject for event in recorder.events}] == ["dask"]


def test_an_error_crosses(session):
    """Row: an exception arrives as the class it was, with a note of where it was raised."""
    with pytest.raises(ZeroDivisionError) as raised:
        divide.submit(1, 0).result(20)
    assert any("raised in process" in each for each in raised.value.__notes__)


def test_equal_calls_are_not_merged(session, tmp_path):
    """Equal functions of equal arguments run as often as they are called."""
    path = tmp_path / "notes"
    for future in [note.submit(str(path), 1, 0.0) for _ in range(3)]:
        future.result(20)
    assert path.read_text() == "1\n1\n1\n"


def test_an_item_whose_worker_was_killed_runs_again(session, tmp_path):
    """A worker that was killed by SIGKILL has its item run again elsewhere, while the cluster allows it."""
    assert die_once.submit(str(tmp_path / "marker")).result(60) == "alive"


def test_an_item_that_kills_its_workers_is_reported(session):
    """An item whose workers die more often than the cluster allows fails with `WorkerDied`, which names task and index."""
    (error,) = die.map([0], on_error="collect")
    assert (type(error), error.task, error.index) == (WorkerDied, "die", 0)


def test_the_others_of_its_chunk_run_again(dask, caplog):
    """Which item of a chunk killed its worker is not known, so that each is sent alone; a warning says so."""
    with Session(
        dask, executor="dask", inherit=False
    ):  # without an observer, the first chunks have several items
        found = die_at_three.map(range(12), on_error="collect")
    assert [type(each) if isinstance(each, Exception) else each for each in found] == [
        0,
        1,
        2,
        WorkerDied,
        *range(4, 12),
    ]
    assert "all of them run again, each alone" in caplog.text


def test_the_cluster_goes_on_after_a_death(session):
    """Where a worker died, others run what comes next."""
    assert square.map(range(50)) == [number * number for number in range(50)]


def test_a_failing_map_stops_what_runs_elsewhere(dask, recorder, tmp_path):
    """After the first failure no item begins, not even in a chunk that is at work; what runs comes to its end."""
    path = tmp_path / "notes"
    with Session(dask, recorder, executor="dask", inherit=False):
        note.map([str(path)] * 200, range(1, 201), [0.0] * 200)  # learns that items are quick
        path.unlink()
        began = time.monotonic()
        with pytest.raises(ValueError, match="the first"):
            note.map([str(path)] * 400, [*range(1, 9), 0, *range(9, 400)], [0.01] * 400)
        took = time.monotonic() - began
        ran = len(path.read_text().splitlines())
    assert ran < 300
    assert took < 6
    assert recorder.unbalanced() == []


def test_a_future_that_is_cancelled_is_not_run(session):
    """A cancelled future never begins: the cluster forgets it."""
    executor = session.place("dask").executor
    blockers = [executor.submit(time.sleep, 0.5) for _ in range(2)]
    future = executor.submit(os.getpid)
    assert future.cancel()
    with pytest.raises(CancelledError):
        future.result(5)
    assert [each.result(20) for each in blockers] == [None, None]


def test_stop_cancels_what_has_not_begun(session):
    """`stop` lets what is at work end, and cancels what no worker has begun."""
    executor = session.place("dask").executor
    blockers = [executor.submit(time.sleep, 1.0) for _ in range(2)]
    time.sleep(0.2)
    future = executor.submit(os.getpid)
    for each in (future, blockers[0]):
        executor.stop(each)
    with pytest.raises(CancelledError):
        future.result(20)
    assert [each.result(20) for each in blockers] == [None, None]


def test_nested_calls_have_a_session(session):
    """In a worker, calls and maps of a function run there, in a session that is open for them."""
    assert total.submit(4).result(20) == 14


def test_parcels_at_once_in_one_process_keep_their_measurements_apart(dask):
    """What a function's nested calls took comes home with it, also when a worker runs several functions in threads."""
    metrics = Measured()
    with Session(Dask(workers=1, threads=3), metrics, executor="dask", inherit=False):
        futures = [measured.submit(number, 0.03) for number in (6, 4, 2)]
        threads = {future.result(30) for future in futures}
    assert len(threads) == 3
    assert sorted(metrics.counts) == [(2, 2), (4, 4), (6, 6)]


class Measured:
    """Counts the nested calls that each call brings home."""

    name = "measured"

    def __init__(self):
        self.counts = []

    @hookimpl(optionalhook=True)
    def on_measurements(self, call, measurements):
        number = sum(len(seconds) for seconds in measurements.durations.values())
        self.counts.append((call.args[0], number))
