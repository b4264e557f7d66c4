"""SIGTERM: programs that are asked to end, each in a process of its own."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from pegboard import ConfigError, install_sigterm

pytestmark = pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="signals of POSIX")

BEGIN = """
    import os, signal, sys, threading, time
    from pegboard import Session, hookimpl, install_sigterm, task

    def say(text):
        os.write(1, (text + "\\n").encode())  # a print that a handler interrupts is an error of Python's

    class Tells:
        name = "tells"
        def __init__(self, seconds=0.0):
            self.seconds = seconds
        @hookimpl
        def after_execute(self, call, outcome): say(f"{call.task.name} {outcome.status}")
        @hookimpl
        def session_end(self):
            say("ending")
            until = time.monotonic() + self.seconds
            while time.monotonic() < until:
                time.sleep(0.01)
            say("ended")

    @task
    def work():
        say("ready")
        time.sleep(30)
"""


def start(program: str) -> Any:
    return subprocess.Popen(
        [
            sys.executable,
            "-W",
            "ignore:This process:DeprecationWarning",
            "-c",
            textwrap.dedent(BEGIN) + textwrap.dedent(program),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def told(program: str, *, before: Callable[[Any], object] = lambda process: process.stdout.readline()) -> Any:
    """Start a program, send it SIGTERM, and return its status and what it said from then on, on both streams."""
    process = start(program)
    before(process)
    process.send_signal(signal.SIGTERM)
    out, errors = process.communicate(timeout=30)
    return process.returncode, out.split("\n")[:-1], errors


def test_with_blocks_are_left_and_sessions_end() -> None:
    """The call in progress is cancelled, and the status is 143."""
    assert told(
        """
        install_sigterm()
        with Session(Tells()):
            work()
        """
    ) == (143, ["work cancelled", "ending", "ended"], "")


@pytest.mark.parametrize("open_it", ["with session:", "session.install()\nif True:"])
def test_all_sessions_drain_first(open_it: str) -> None:
    """Their plugins are told, each once, whoever opened them."""
    process = start(
        f"""
        class Drains:
            name = "drains"
            @hookimpl
            def session_draining(self, session):
                say(f"draining {{session.is_draining}}")
                told.set()
        told = threading.Event()
        install_sigterm()
        session = Session(Drains())
        {open_it.replace(chr(10), chr(10) + " " * 8)}
            try:
                say("ready")
                time.sleep(30)
            finally:
                told.wait(30)
                say("over")
        """
    )
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    out, errors = process.communicate(timeout=30)
    assert (process.returncode, out, errors) == (143, "draining True\nover\n", "")


def test_an_installed_session_ends() -> None:
    """At the end of the process, as without a signal."""
    assert told(
        """
        install_sigterm()
        Session(Tells()).install()
        work()
        """
    ) == (143, ["work cancelled", "ending", "ended"], "")


def test_in_an_event_loop_too() -> None:
    """Its tasks are cancelled as the loop closes."""
    assert told(
        """
        import asyncio
        install_sigterm()
        @task
        async def wait():
            say("ready")
            await asyncio.sleep(30)
        async def main():
            async with Session(Tells()):
                await wait()
        asyncio.run(main())
        """
    ) == (143, ["wait cancelled", "ending", "ended"], "")


def test_an_end_that_has_begun_is_not_cut_off() -> None:
    """The program leaves when it is over."""
    assert told(
        """
        install_sigterm()
        with Session(Tells(0.3)):
            pass
        say("never")
        """
    ) == (143, ["ended"], "")


def test_sessions_of_other_threads_have_time() -> None:
    """They end by themselves, if they do so in time."""
    assert told(
        """
        install_sigterm()
        over = threading.Event()
        def serve():
            with Session(Tells()):
                say("ready")
                over.wait(30)
        try:
            threading.Thread(target=serve).start()
            time.sleep(30)
        finally:
            over.set()
        """
    ) == (143, ["ending", "ended"], "")


def test_sessions_that_nobody_leaves_in_time_are_ended() -> None:
    """And named; then the process ends, whatever its threads do."""
    status, out, errors = told(
        """
        install_sigterm(grace=2)
        def serve():
            with Session(Tells()):
                say("ready")
                time.sleep(30)
        threading.Thread(target=serve).start()
        time.sleep(30)
        """
    )
    assert (status, out) == (143, ["ending", "ended"])
    assert "was entered and never left" in errors


def test_an_end_that_takes_longer_is_cut_off_by_the_grace() -> None:
    """It bounds the whole."""
    begun = time.monotonic()
    status, _, _ = told(
        """
        install_sigterm(grace=0.4)
        with Session(Tells(30)):
            say("ready")
            time.sleep(30)
        """
    )
    assert status == 143
    assert time.monotonic() - begun < 15


def test_the_second_signal_ends_at_once() -> None:
    """Whoever sends it has waited enough."""
    process = start(
        """
        install_sigterm()
        with Session(Tells(30)):
            say("ready")
            time.sleep(30)
        """
    )
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    assert process.stdout.readline() == "ending\n"
    process.send_signal(signal.SIGTERM)
    assert (process.wait(15), process.stdout.read()) == (143, "")
    process.stdout.close()
    process.stderr.close()


def test_a_handler_that_was_there_is_called_and_ends_the_process() -> None:
    """As a server's, which lets requests end; nothing is raised in the middle of them."""
    assert told(
        """
        def handle(*_):
            say("old handler")
            over.set()
        over = threading.Event()
        signal.signal(signal.SIGTERM, handle)
        install_sigterm()
        install_sigterm()
        with Session(Tells()) as session:
            say("ready")
            while not over.is_set():
                time.sleep(0.01)
            say(f"request served {session.is_draining}")
        """
    ) == (0, ["old handler", "request served True", "ending", "ended"], "")


def test_a_handler_that_was_there_is_called_each_time() -> None:
    """Some ask again until the process has ended: a server's parent does."""
    process = start(
        """
        times = []
        def handle(*_):
            times.append(1)
            say("asked")
        signal.signal(signal.SIGTERM, handle)
        install_sigterm()
        say("ready")
        while len(times) < 2:
            time.sleep(0.01)
        """
    )
    for line in ("ready", "asked"):
        assert process.stdout.readline() == f"{line}\n"
        process.send_signal(signal.SIGTERM)
    assert (process.communicate(timeout=30)[0], process.returncode) == ("asked\n", 0)


def test_where_it_is_ignored_it_stays_ignored() -> None:
    """As under nohup and its kin."""
    process = start(
        """
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        install_sigterm()
        say("ready")
        time.sleep(0.3)
        say("served")
        """
    )
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    assert (process.communicate(timeout=15)[0], process.returncode) == ("served\n", 0)


def test_a_forked_child_ends_in_order_too() -> None:
    """Its parent's thread did not come along."""
    assert told(
        """
        install_sigterm()
        child = os.fork()
        if child:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            _, status = os.waitpid(child, 0)
            say(f"child {os.waitstatus_to_exitcode(status)}")
        else:
            with Session(Tells()):
                say(str(os.getpid()))
                time.sleep(30)
        """,
        before=lambda process: os.kill(int(process.stdout.readline()), signal.SIGTERM),
    ) == (0, ["ending", "ended", "child 143"], "")


@pytest.mark.slow
def test_at_any_moment_of_a_program() -> None:
    """Before the handler is there, and when all has ended, it ends as without it; in between in order."""
    chance = random.Random(5)
    for _ in range(20):
        process = start(
            """
            install_sigterm()
            say("armed")
            with Session(Tells()):
                with Session(Tells(), inherit=False):
                    say("inside")
            """
        )
        time.sleep(chance.uniform(0.02, 0.35))
        process.send_signal(signal.SIGTERM)
        out, errors = process.communicate(timeout=30)
        said = out.split("\n")[:-1]
        all_or_nothing = "armed" not in said or said.count("ended") == 2
        assert process.returncode in ({-15, 143, 0} if all_or_nothing else {143}), errors
        assert said.count("ending") == said.count("ended")
        assert not errors


def test_it_belongs_into_the_main_thread() -> None:
    """Python allows signal handlers nowhere else, and the error says so."""
    caught: list[BaseException] = []

    def install() -> None:
        try:
            install_sigterm()
        except ConfigError as error:
            caught.append(error)

    thread = threading.Thread(target=install)
    thread.start()
    thread.join()
    assert "main one" in str(caught[0])


@pytest.mark.parametrize("grace", [0, -1, "20", True, float("nan")])
def test_a_grace_that_is_no_time_is_refused(grace: Any) -> None:
    """Nothing is installed."""
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises((TypeError, ValueError), match="grace"):
        install_sigterm(grace)
    assert signal.getsignal(signal.SIGTERM) is before
