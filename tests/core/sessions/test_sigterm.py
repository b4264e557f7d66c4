"""SIGTERM: programs that are asked to end, each in a process of its own."""

from __future__ import annotations

import os
import random
import re
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


def told(
    program: str,
    *,
    before: Callable[[Any], object] = lambda process: process.stdout.readline(),
    signals: int = 1,
) -> Any:
    """Start a program, send it SIGTERM, and return its status and what it said from then on, on both streams."""
    process = start(program)
    before(process)
    for _ in range(signals):
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


def test_what_a_loop_is_about_to_run_is_not_lost() -> None:
    """However busy it is: all tasks are cancelled, and none hangs."""
    assert told(
        """
        import asyncio
        install_sigterm()
        cleaned = []
        async def spin():
            try:
                while True:
                    await asyncio.sleep(0)
            finally:
                await asyncio.sleep(0)
                cleaned.append(1)
        async def main():
            async with Session(Tells()):
                others = [asyncio.ensure_future(spin()) for _ in range(50)]
                say("ready")
                await asyncio.gather(*others)
        try:
            asyncio.run(main())
        finally:
            say(f"cleaned {len(cleaned)}")
        """
    ) == (143, ["ending", "ended", "cleaned 50"], "")


def test_sync_work_in_a_loop_is_left_at_once() -> None:
    """It holds up the loop, and not the end."""
    assert told(
        """
        import asyncio
        install_sigterm()
        async def main():
            async with Session(Tells()):
                work()
        asyncio.run(main())
        """
    ) == (143, ["work cancelled", "ending", "ended"], "")


def test_an_async_end_that_has_begun_is_not_cut_off() -> None:
    """The loop waits for it."""
    assert told(
        """
        import asyncio
        install_sigterm()
        async def main():
            async with Session(Tells(0.3)):
                pass
            say("never")
        asyncio.run(main())
        """
    ) == (143, ["ended"], "")


@pytest.mark.parametrize("where", ["session_start", "session_end"])
@pytest.mark.parametrize("how", ["with", "install", "async with"])
def test_a_start_or_end_that_it_strikes_is_whole(how: str, where: str) -> None:
    """What has started ends, once, and nothing comes after it."""
    lines = {
        "with": "with session: say('inside')",
        "install": "session.install(); say('inside'); session.uninstall()",
        "async with": "asyncio.run(main())",
    }
    status, out, errors = told(
        f"""
        import asyncio
        class Struck:
            name = "struck"
            @hookimpl
            def {where}(self):
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(0.1)
                say("whole")
        install_sigterm()
        session = Session(Tells(), Struck(), Tells2())
        async def main():
            async with session: say("inside")
        {lines[how]}
        say("never")
        """.replace(
            "install_sigterm()",
            "Tells2 = type('Tells2', (Tells,), dict(name='tells2')); install_sigterm()",
            1,
        ),
        before=lambda process: None,
        signals=0,
    )
    inside = ["inside"] if where == "session_end" else []
    ends = ["ending", "ended"]
    whole = [*ends, "whole", *ends] if where == "session_end" else ["whole", *ends, *ends]
    assert (status, out, errors) == (143, [*inside, *whole], "")


def test_what_was_submitted_is_waited_for() -> None:
    """Also where nobody but the end of the session waits."""
    assert told(
        """
        install_sigterm()
        @task
        def slow():
            time.sleep(0.3)
            say("ready")
            time.sleep(0.3)
        with Session(Tells()):
            slow.submit()
        say("never")
        """
    ) == (143, ["slow ok", "ending", "ended"], "")


def test_a_session_that_is_being_left_is_ended_in_time() -> None:
    """What was submitted goes on for too long: observers are told of the end all the same."""
    status, out, errors = told(
        """
        install_sigterm(grace=1)
        @task
        def slow():
            time.sleep(0.3)
            work()
        with Session(Tells()):
            slow.submit()
        """
    )
    assert (status, out) == (143, ["ending", "ended"])
    assert re.search("not over: 1|go on: 1", errors)


def test_calls_of_an_installed_session_have_time() -> None:
    """And count as cancelled when it is over; then the session ends."""
    status, out, errors = told(
        """
        install_sigterm(grace=3)
        with Session(Tells()).install():
            threading.Thread(target=work, daemon=True).start()
            time.sleep(30)
        """
    )
    assert (status, out) == (143, ["work cancelled", "ending", "ended"])
    assert "count as cancelled" in errors


def test_the_default_session_ends_last() -> None:
    """After those that somebody entered, and the installed one."""
    assert told(
        """
        class Named(Tells):
            def __init__(self, name): self.name, self.seconds = name, 0
            @hookimpl
            def session_end(self): say(self.name)
        install_sigterm()
        from pegboard.sessions.default import DEFAULT
        DEFAULT.get().register(Named("default"))
        with Session(Named("inner")):
            say("ready")
            time.sleep(30)
        """
    ) == (143, ["inner", "default"], "")


def test_a_signal_that_a_server_raises_again_waits_for_the_ends() -> None:
    """It puts back what was there before it, which would end the process at once."""
    assert told(
        """
        asked = []
        before = signal.signal(signal.SIGTERM, lambda *_: asked.append(1))
        install_sigterm()
        Session(Tells()).install()
        say("ready")
        while not asked:
            time.sleep(0.01)
        signal.signal(signal.SIGTERM, before)
        signal.raise_signal(signal.SIGTERM)
        """
    ) == (-signal.SIGTERM, ["ending", "ended"], "")


def test_a_server_that_is_done_has_the_grace() -> None:
    """Once it has put back what was there before it, nobody else ends the process."""
    status, out, _ = told(
        """
        asked = []
        before = signal.signal(signal.SIGTERM, lambda *_: asked.append(1))
        install_sigterm(grace=1)
        Session(Tells()).install()
        say("ready")
        while not asked:
            time.sleep(0.01)
        signal.signal(signal.SIGTERM, before)
        time.sleep(30)
        """
    )
    assert (status, out) == (143, ["ending", "ended"])


def test_a_server_that_is_not_done_has_its_own_time() -> None:
    """However short ours is."""
    assert told(
        """
        asked = []
        signal.signal(signal.SIGTERM, lambda *_: asked.append(1))
        install_sigterm(grace=0.2)
        with Session(Tells()):
            say("ready")
            while not asked:
                time.sleep(0.01)
            time.sleep(0.5)
            say("request served")
        """
    ) == (0, ["request served", "ending", "ended"], "")


def test_async_sessions_of_other_threads_have_time() -> None:
    """They end in their own loop, where no more threads are to be had."""
    assert told(
        """
        import asyncio
        install_sigterm()
        @task
        async def wait():
            say("ready")
            await asyncio.sleep(0.5)
        @task
        async def count():
            yield 1
        async def main():
            async with Session(Tells()):
                stream = count()
                await anext(stream)
                await wait()
        threading.Thread(target=lambda: asyncio.run(main())).start()
        time.sleep(30)
        """
    ) == (143, ["wait ok", "count closed", "ending", "ended"], "")


ON_LINUX = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="signals are heard at once on Linux"
)


@ON_LINUX
def test_a_main_thread_in_a_long_call_is_not_waited_for() -> None:
    """It runs no handlers there: its sessions are ended, and the process at the end of the grace."""
    status, out, errors = told(
        """
        import hashlib
        install_sigterm(grace=2)
        with Session(Tells()):
            threading.Timer(0.3, say, ["ready"]).start()
            hashlib.pbkdf2_hmac("sha256", b"", b"", 1_000_000_000)
        """
    )
    assert (status, out) == (143, ["ending", "ended"])
    assert "was not left in time" in errors


@ON_LINUX
def test_the_second_signal_ends_a_long_call() -> None:
    """At once."""
    process = start(
        """
        import hashlib
        class Drains:
            name = "drains"
            @hookimpl
            def session_draining(self): say("draining")
        install_sigterm(grace=60)
        with Session(Drains(), Tells()):
            threading.Timer(0.3, say, ["ready"]).start()
            hashlib.pbkdf2_hmac("sha256", b"", b"", 1_000_000_000)
        """
    )
    for line in ("ready", "draining"):
        assert process.stdout.readline() == f"{line}\n"
        process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=20) == ("", "")
    assert process.returncode == 143


@ON_LINUX
def test_sessions_drain_though_a_server_has_put_its_handler_in_place() -> None:
    """Later than ours: it alone ends the process."""
    assert told(
        """
        install_sigterm(grace=0.2)
        asked = []
        signal.signal(signal.SIGTERM, lambda *_: asked.append(1))
        with Session(Tells()) as session:
            say("ready")
            while not (asked and session.is_draining): time.sleep(0.01)
            time.sleep(0.5)
            say("request served")
        """
    ) == (0, ["request served", "ending", "ended"], "")


def test_a_child_that_is_asked_as_it_begins_asks_nobody_else() -> None:
    """Its signal is its own."""
    assert told(
        """
        install_sigterm()
        with Session(Tells()) as session:
            for _ in range(8):
                child = os.fork()
                if not child:
                    time.sleep(30)
                    os._exit(0)
                os.kill(child, signal.SIGTERM)
                os.waitpid(child, 0)
            time.sleep(0.3)
            draining = session.is_draining
        say(f"draining {draining}")
        """,
        before=lambda process: None,
        signals=0,
    )[::2] == (0, "")


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
    assert "was not left in time" in errors


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


STRUCK = """
    import asyncio
    from pegboard import Scope

    def strike(where):
        if where == sys.argv[1]:
            os.kill(os.getpid(), signal.SIGTERM)
            for _ in range(1000): pass
            say(f"all of {where}")

    class Struck:
        name = "struck"
        @hookimpl
        def bind(self, session, task):
            return Scope("struck", enter=lambda call: strike("enter"), exit=lambda call, token: strike("exit"))
        @hookimpl
        def before_execute(self, call): strike("before_execute")
        @hookimpl
        def after_attempt(self, call): strike("after_attempt")
        @hookimpl
        def after_execute(self, call): strike("after_execute")

    @task
    def quick(): pass

    @task
    async def async_quick(): await asyncio.sleep(0)

    install_sigterm()
    with Session(Struck()):
        quick() if sys.argv[2] == "function" else asyncio.run(async_quick())
        time.sleep(30)
"""


@pytest.mark.parametrize("kind", ["function", "coroutine"])
@pytest.mark.parametrize("where", ["enter", "before_execute", "after_attempt", "after_execute", "exit"])
def test_whoever_is_told_of_a_call_hears_all_of_it(where: str, kind: str) -> None:
    """Where the signal strikes, an exporter may be about to note what has happened; the program ends a moment later."""
    program = textwrap.dedent(BEGIN) + textwrap.dedent(STRUCK)
    done = subprocess.run(
        [sys.executable, "-c", program, where, kind], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout) == (143, f"all of {where}\n")


def test_an_observer_that_does_not_return_keeps_nobody_from_ending() -> None:
    """It has two seconds."""
    program = (
        BEGIN
        + """
    class Stuck:
        name = "stuck"
        @hookimpl
        def after_execute(self, call):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(30)
            say("woke")

    @task
    def quick(): pass

    install_sigterm()
    with Session(Stuck()):
        quick()
    """
    )
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert (done.returncode, done.stdout) == (143, "")
