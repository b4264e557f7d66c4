"""What runs on a worker, in this process."""

from __future__ import annotations

import threading

from pegboard_dask import _worker
from pegboard_processes.engine import dumps


def test_a_function_runs_with_its_arguments():
    """A payload is a pickled function with its arguments."""
    assert _worker.run("c", "s", "one", dumps((int, ("11",), {"base": 2}))) == 3


def test_a_stop_that_comes_first_counts():
    """A run that was stopped before it came here begins stopped; nobody was at it then."""
    assert _worker.stop("early") is False
    _worker.run("c", "s", "early", dumps((_look, ("early",), {})))
    assert _SEEN == [1]


def test_a_stop_while_it_runs_finds_it():
    """`stop` says whether a run is at work here."""
    running = threading.Thread(target=_worker.run, args=("c", "s", "late", dumps((_wait, (), {}))))
    running.start()
    _STARTED.wait(5)
    assert _worker.stop("late") is True
    _GO.set()
    running.join()
    assert _worker.stop("late") is False


def test_what_was_stopped_is_forgotten_in_time():
    """The tickets that were stopped do not pile up."""
    for number in range(_worker._STOPPED_MOST + 50):
        _worker.stop(f"many {number}")
    assert len(_worker._WORK.stopped) == _worker._STOPPED_MOST


_SEEN: list[int] = []
_STARTED, _GO = threading.Event(), threading.Event()


def _look(ticket):
    _SEEN.append(_worker._WORK.runs[ticket]._progress.stopped)


def _wait():
    _STARTED.set()
    _GO.wait(5)
