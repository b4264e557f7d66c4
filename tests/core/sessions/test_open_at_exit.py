"""Sessions that nobody left are ended with the program, and named."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import Future

import pytest

from pegboard import Session, hookimpl
from pegboard.sessions.open_at_exit import OpenAtExit

HEAD = """
import asyncio, multiprocessing, os, sys
from pegboard import Session, hookimpl, task

class Told:
    def __init__(self, name="told"):
        self.name = name
    @hookimpl
    def session_end(self):
        print(self.name, "ended in", "the program" if os.getpid() == program else "a child", flush=True)

@task
def one():
    return 1

@task
def items():
    yield from range(3)

def fixture():
    with Session(Told()) as session:
        yield session

async def enter():
    await Session(Told()).__aenter__()

def work():
    Session(Told()).__enter__()

program = os.getpid()
"""


def run(program: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-c", HEAD + program], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done


class Told:
    """Keeps the order of ends, and fails at its own where asked to."""

    def __init__(self, name: str, ends: list[str], failure: Exception | None = None) -> None:
        self.name = name
        self._ends = ends
        self._failure = failure

    @hookimpl
    def session_end(self) -> None:
        self._ends.append(self.name)
        if self._failure is not None:
            raise self._failure


@pytest.fixture
def entered() -> OpenAtExit:
    """Sessions of the program's end that a test plays."""
    return OpenAtExit()


@pytest.mark.parametrize(
    "program",
    [
        "Session(Told()).__enter__(); one()",
        "kept = fixture(); next(kept); one()",
        "asyncio.run(enter())",
        "Session(Told()).__enter__(); kept = items(); next(kept)",
        "Session(Told()).__enter__(); raise SystemExit(0)",
    ],
    ids=["by hand", "a generator", "async", "with an open stream", "exit"],
)
def test_a_session_that_nobody_left_ends_with_the_program_and_is_named(program):
    """Its plugins are told of the end once, and one line says which session it was and what it had."""
    done = run(program)
    assert done.stdout == "told ended in the program\n"
    (line,) = done.stderr.splitlines()
    assert " of told was entered and never left, so it ended with the program. Leave it" in line


def test_a_session_that_was_left_is_not_named():
    """Also where a generator that holds it was closed, or it was entered twice."""
    done = run(
        "with Session(Told()): one()\nkept = fixture(); next(kept); kept.close()\n"
        "with Session(Told()) as session:\n    with session: one()"
    )
    assert done.stdout == "told ended in the program\n" * 3
    assert done.stderr == ""


def test_the_default_session_ends_by_itself():
    """Who enters it, as the command line does, leaves it open for the program."""
    done = run("from pegboard.sessions.default import serving_session\nwith serving_session(): one()")
    assert done.stderr == ""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a fork")
def test_a_forked_child_leaves_the_sessions_of_its_parent_alone():
    """It ends what it entered itself, and that only."""
    done = run(
        "Session(Told('outer')).__enter__()\n"
        "if os.fork() == 0:\n    Session(Told('inner'), inherit=False).__enter__()\n    sys.exit(0)\n"
        "os.wait()"
    )
    assert done.stdout == "inner ended in a child\nouter ended in the program\n"
    assert [line.split(" of ")[1].split()[0] for line in done.stderr.splitlines()] == ["inner", "outer"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs a fork")
def test_a_process_of_multiprocessing_ends_its_own():
    """Such a process ends without `atexit`."""
    done = run(
        "child = multiprocessing.get_context('fork').Process(target=work); child.start(); child.join()"
    )
    assert done.stdout == "told ended in a child\n"
    assert "of told was entered and never left" in done.stderr


def test_the_last_one_entered_ends_first(entered, caplog):
    """Sessions nest, and each has a line of its own."""
    ends: list[str] = []
    sessions = [Session(Told(name, ends), inherit=False) for name in ("outer", "inner")]
    for session in sessions:
        session.acquire(None)
        entered.add(session)
    entered.end()
    assert ends == ["inner", "outer"]
    assert [record.args[1] for record in caplog.records] == ["inner", "outer"]
    assert not any(session.is_open for session in sessions)


def test_what_a_pool_has_begun_is_waited_for(entered, caplog):
    """As the exit of the program waits for pools of the standard library."""
    session = Session(inherit=False)
    session.acquire(None)
    entered.add(session)
    future: Future[int] = Future()
    session.keep(future)
    threading.Timer(0.05, future.set_result, [1]).start()
    entered.end()
    assert future.result() == 1
    assert "lost" not in caplog.text


def test_one_that_others_keep_open_goes_on(entered):
    """The default session and an installed one end by themselves."""
    session = Session(inherit=False)
    session.acquire(None)
    with session:
        entered.add(session)
        entered.end()
        assert session.is_open
        session.acquire(None)  # what the block leaves
    assert session.is_open
    session.release(None)
    assert not session.is_open


def test_what_was_lost_is_said(entered, caplog):
    """Calls that were not over are not waited for, and a plugin that fails at the end says why, without known secrets."""
    ends: list[str] = []
    session = Session(Told("b", ends), Told("a", ends, OSError("disk of hunter22 is full\n")), inherit=False)
    session.acquire(None)
    session.masks.add("hunter22")
    session.keep(Future(), needs_this_thread=lambda: True)  # of an event loop
    entered.add(session)
    entered.end()
    assert ends == ["a", "b"]
    assert "lost: calls that were not over: 1; OSError: disk of *** is full\\n. Leave it" in caplog.text
