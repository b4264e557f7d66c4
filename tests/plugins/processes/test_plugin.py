"""`Processes` as a plugin: whose workers they are, and when they end."""

from __future__ import annotations

import os
import signal
import time
import warnings
from concurrent.futures import ProcessPoolExecutor

import pytest
import remote_tasks as tasks

from pegboard import PluginConflict, Processes, Session, hookimpl

pid = tasks.pid_of_placed


@pytest.mark.parametrize(
    "open_session",
    [
        lambda pool: Session(pool, executor="processes"),
        lambda pool: Session(executor=pool),
        lambda pool: Session(pool, executor=pool),
    ],
    ids=["attached", "handed in", "both"],
)
def test_workers_end_with_the_session_and_start_anew_with_the_next(open_session, is_gone) -> None:
    """However the session got them: nothing is left running between two sessions."""
    pool = Processes(workers=1)
    seen = []
    for _ in range(2):
        with open_session(pool):
            seen.append(pid())
        assert is_gone(seen[-1])
    assert len(set(seen)) == 2


def test_a_pool_that_is_entered_keeps_its_workers(is_gone) -> None:
    """One session after another finds them warm; leaving it ends them."""
    with Processes(workers=1) as pool:
        with Session(executor=pool):
            first = pid()
        with Session(pool):
            assert pid() == first
    assert is_gone(first)


def test_workers_stay_while_any_session_has_them(is_gone) -> None:
    """Two at once, one of which ends before the other."""
    pool = Processes(workers=1)
    one, other = Session(pool), Session(pool, inherit=False)
    with one:
        first = pid()
        with other:
            assert pid() == first
        assert pid() == first
    assert is_gone(first)


def test_an_executor_brings_its_plugin_also_under_strict_plugins(is_gone) -> None:
    """By the session's own executor, and by a task that is placed; its workers end with the session."""
    with Session(executor="processes", strict_plugins=True) as session:
        assert list(session.plugins) == ["processes"]
    with Session(strict_plugins=True) as session:
        first = pid()
        assert list(session.plugins) == ["processes"]
    assert is_gone(first)


def test_an_inner_session_uses_the_workers_of_the_outer_one() -> None:
    """It inherits the plugin, and leaves the workers where they are."""
    with Session(Processes(workers=1), executor="processes"):
        first = pid()
        with Session():
            assert pid() == first
        assert pid() == first


def test_two_of_them_in_one_session_are_a_conflict() -> None:
    """One attached and another handed in: which of them is meant by `processes` cannot be known."""
    with pytest.raises(PluginConflict, match="two plugins of this session are called 'processes'"):
        Session(Processes(1), executor=Processes(1))


def test_an_executor_of_somebody_else_is_left_open() -> None:
    """Functions go to it, and the session does not shut it down."""
    with ProcessPoolExecutor(1) as pool:
        with Session(executor=pool) as session:
            first = tasks.where.submit().result(30)
            assert first != os.getpid()
            assert set(session.plugins) == {"processes"}
        assert pool.submit(os.getpid).result(30) == first


@pytest.fixture
def alarm_interrupts():
    """Have SIGALRM do what Ctrl-C does, which a test run in the background does not get."""
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.usefixtures("alarm_interrupts")
def test_a_session_interrupted_at_its_end_leaves_a_pool_that_serves_the_next(is_gone) -> None:
    """Ctrl-C while it waits for a worker that takes its time: the interrupt leaves, and nothing else is lost."""
    pool = Processes(workers=1)
    with pytest.raises(KeyboardInterrupt), Session(pool):
        first = pid()
        busy = pool.submit(time.sleep, 0.5)
        while not busy.running():
            time.sleep(0.001)
        signal.setitimer(signal.ITIMER_REAL, 0.1)
    with Session(pool):
        assert pid() != first
    until = time.monotonic() + 20
    while not is_gone(first) and time.monotonic() < until:  # it ends beside, when it has done what it is at
        time.sleep(0.01)
    assert is_gone(first)


@pytest.mark.parametrize("method", ["fork", "forkserver"])
def test_an_installed_session_does_not_go_on_in_workers(pegboard_isolated, method) -> None:
    """They have a session of their own; whoever forks beside them has children in which it does."""
    reader, writer = os.pipe()

    class Tells:
        name = "tells"

        @hookimpl
        def session_forked(self) -> None:
            os.write(writer, b"forked ")

    session = Session(Tells(), Processes(workers=1, start_method=method), executor="processes").install()
    assert tasks.plus_one.submit(1).result() == 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads, from Python 3.12 on
        child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
    session.uninstall()
    os.close(writer)
    with os.fdopen(reader) as told:
        assert told.read() == "forked "


def test_the_environment_sets_what_a_text_can_be(monkeypatch):
    """Also the way in which processes are started, which is one of a few words."""
    monkeypatch.setenv("PEGBOARD_PROCESSES__START_METHOD", "spawn")
    monkeypatch.setenv("PEGBOARD_PROCESSES__WORKERS", "3")
    with Session(executor="processes") as session:
        assert repr(session[Processes]) == "Processes(workers=3, start_method='spawn')"
