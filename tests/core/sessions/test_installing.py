"""A session that serves the whole process: which calls it serves, and how its service begins and ends."""

from __future__ import annotations

import asyncio
import gc
import logging
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from pegboard import (
    ConfigError,
    MissingPlugin,
    Outcome,
    Scope,
    Session,
    SessionError,
    current_call,
    current_session,
    hookimpl,
    task,
)
from pegboard.sessions.default import attach_everywhere, detach_everywhere
from pegboard.sessions.serving import SERVING
from pegboard.testing import Recorder, isolated


@pytest.fixture(autouse=True)
def nothing_is_open() -> Iterator[None]:
    """Have each test begin in a program without a session."""
    with isolated():
        yield


@task
def load(x: int) -> int:
    return x


@task
async def aload(x: int) -> int:
    await asyncio.sleep(0)
    return x


def in_thread(function: Callable[[], Any]) -> Any:
    """Run a function in a thread of its own, as a server's are: with an empty context."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result(10)


WAYS: dict[str, Callable[[], Any]] = {
    "call": lambda: load(1),
    "run": lambda: load.run(1),
    "submit": lambda: load.submit(1).result(10),
    "map": lambda: load.map([1]),
    "imap": lambda: list(load.imap([1])),
    "acall": lambda: asyncio.run(load.acall(1)),
    "await": lambda: asyncio.run(aload(1)),
    "amap": lambda: asyncio.run(aload.amap([1])),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_it_serves_threads_that_somebody_else_starts(way: Callable[[], Any]) -> None:
    """Whatever way a task is called, and wherever."""
    recorder = Recorder()
    session = Session(recorder).install()
    in_thread(way)
    session.uninstall()
    assert len(recorder.of("before_execute")) == 1


def test_it_serves_the_requests_of_an_application_that_installed_it_in_its_lifespan() -> None:
    """They run in other asyncio tasks than the lifespan does, with contexts of their own."""
    recorder = Recorder()

    async def serve() -> None:
        started, stop = asyncio.Event(), asyncio.Event()

        async def lifespan() -> None:
            async with Session(recorder).install():
                started.set()
                await stop.wait()

        life = asyncio.create_task(lifespan())
        await started.wait()
        await asyncio.create_task(aload(1))
        stop.set()
        await life

    asyncio.run(serve())
    assert recorder.log("aload") == [
        "before_execute",
        "before_attempt 1",
        "after_attempt 1",
        "after_execute ok/run 1",
    ]


def test_an_open_session_of_the_context_goes_first() -> None:
    """The installed one is the outer one of those that are opened while it serves."""
    with Session().install() as session, Session() as inner:
        assert (current_session(), inner.outer) == (inner, session)


def test_leaving_an_inner_session_restores_what_the_context_held() -> None:
    """Not what served: once the installed one is gone, nothing serves there."""
    session = Session().install()
    with Session():
        pass
    session.uninstall()
    assert current_session() is None


def test_contexts_that_hold_an_ended_session_see_the_installed_one() -> None:
    """As a thread in a kept context, or a task that was made inside `async with`."""
    with Session() as ended:
        pass
    with ended:
        import contextvars

        context = contextvars.copy_context()
    with Session().install() as session:
        assert context.run(current_session) is session


def test_the_same_session_is_counted() -> None:
    """So that two parts of a program may each install it and take that back."""
    session = Session().install().install()
    session.uninstall()
    assert current_session() is session
    session.uninstall()
    assert (current_session(), session.is_open) == (None, False)


def test_another_one_is_refused() -> None:
    """With the one that serves, and the ways out."""
    session = Session().install()
    with pytest.raises(SessionError, match=rf"(?s){session.id}.*replace=True"):
        Session().install()
    session.uninstall()


def test_another_one_may_take_its_place() -> None:
    """The first is ended before the second starts, as both may want one port."""
    told = []

    class Port:
        name = "port"

        def __init__(self, number: int) -> None:
            self.number = number

        @hookimpl
        def session_start(self) -> None:
            told.append(("start", self.number))

        @hookimpl
        def session_end(self) -> None:
            told.append(("end", self.number))

    Session(Port(1)).install()
    second = Session(Port(2)).install(replace=True)
    assert (told, current_session()) == ([("start", 1), ("end", 1), ("start", 2)], second)
    second.uninstall()


def test_a_session_that_was_inside_another_may_be_installed_afterwards() -> None:
    """Once it is over, it is inside of nothing."""
    with Session(), Session() as inner:
        pass
    inner.install()
    assert current_session() is inner
    inner.uninstall()


def test_where_it_was_installed_from_is_known() -> None:
    """For who watches over the event loop, if there was one; and which names have been installed."""

    async def main() -> tuple[object, object]:
        with Session(name="in a loop").install():
            return asyncio.get_running_loop(), SERVING.loop

    loop, known = asyncio.run(main())
    assert (known is loop, SERVING.loop) == (True, None)
    with Session().install():
        assert SERVING.loop is None
    assert "in a loop" in SERVING.names


def test_a_session_inside_another_is_refused() -> None:
    """It would serve longer than what it inherits from."""
    with Session(), Session() as inner, pytest.raises(SessionError, match="opened inside"):
        inner.install()


def test_what_is_not_installed_is_not_uninstalled() -> None:
    """Nor what was taken the place of."""
    with pytest.raises(SessionError, match="is not installed"):
        Session().uninstall()


def test_a_session_that_cannot_start_is_not_installed() -> None:
    """Nothing is left of it."""

    class Broken:
        name = "broken"

        @hookimpl
        def session_start(self) -> None:
            raise OSError("port")

    with pytest.raises(OSError, match="port"):
        Session(Broken()).install()
    assert current_session() is None


def test_it_is_not_uninstalled_from_inside_its_calls() -> None:
    """It would wait for that very call."""
    session = Session().install()

    @task
    def ends() -> None:
        session.uninstall()

    with pytest.raises(SessionError, match="from inside task"):
        ends()
    assert current_session() is session
    session.uninstall()


def test_leaving_its_with_block_ends_for_observers_what_outlives_the_grace(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As `uninstall` does."""
    monkeypatch.setattr("pegboard.sessions.installing.GRACE", 0.0)
    begun, gate, recorder = threading.Event(), threading.Event(), Recorder()

    @task
    def slow() -> None:
        begun.set()
        assert gate.wait(10)

    with Session(recorder).install():
        thread = threading.Thread(target=slow)
        thread.start()
        assert begun.wait(10)
    assert [
        event.details["outcome"].status for event in recorder.events if event.hook == "after_execute"
    ] == ["cancelled"]
    assert "count as cancelled" in caplog.text
    gate.set()
    thread.join()


def test_leaving_its_with_block_ends_it() -> None:
    """Also where it was installed within."""
    with Session() as session:
        session.install()
    assert (current_session(), session.is_open) == (None, False)


def offered(monkeypatch: pytest.MonkeyPatch, *names: str) -> list[type]:
    """Have plugins of these names be installed on this machine, and return their classes."""
    classes = {name: type(name.title(), (), {"name": name}) for name in names}
    monkeypatch.setattr("pegboard.discovery.find", classes.__getitem__)
    monkeypatch.setattr("pegboard.discovery.installed", lambda: dict.fromkeys(names, ()))
    return list(classes.values())


def test_entering_it_elsewhere_and_leaving_it_ends_nothing() -> None:
    """A request that enters what serves it already must not end it for all others."""
    session = Session().install()

    def request() -> None:
        with session:
            load(1)

    async def in_a_loop() -> None:
        async with session:
            await aload(1)

    in_thread(request)
    in_thread(lambda: asyncio.run(in_a_loop()))
    asyncio.run(in_a_loop())
    assert (current_session(), session.is_open) == (session, True)
    session.uninstall()


class Held:
    """A body that runs until it is let go."""

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()

    def __call__(self) -> str:
        self.begun.set()
        assert self.go_on.wait(10)
        return "done"


def held_task(held: Held) -> Any:
    @task(name="held")
    def body() -> str:
        return held()

    @task(name="held")
    async def abody() -> str:
        await asyncio.sleep(0)
        return held()

    return {"function": body, "coroutine": lambda: asyncio.run(abody())}


@pytest.mark.parametrize("kind", ["function", "coroutine"])
def test_it_waits_for_the_calls_that_it_serves(kind: str) -> None:
    """Their ends are told as ever, and no new call sees it meanwhile."""
    recorder, held = Recorder(), Held()
    session = Session(recorder).install()
    thread = threading.Thread(target=held_task(held)[kind])
    thread.start()
    assert held.begun.wait(10)
    ending = threading.Thread(target=session.uninstall)
    ending.start()
    while current_session() is not None:
        pass
    assert load(1) == 1
    held.go_on.set()
    ending.join(10)
    thread.join(10)
    assert recorder.log()[-1] == "after_execute ok/run 1"
    assert not recorder.log("load")


@pytest.mark.parametrize("kind", ["function", "coroutine"])
def test_what_runs_on_counts_as_cancelled(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    """Its end is told once, when the time is over, and nothing of what it does afterwards; it is said."""
    recorder, held = Recorder(), Held()
    session = Session(recorder).install()
    thread = threading.Thread(target=held_task(held)[kind])
    thread.start()
    assert held.begun.wait(10)
    session.uninstall(grace=0)
    told = recorder.log()
    held.go_on.set()
    thread.join(10)
    assert told[-1] == "after_execute cancelled/run 1"
    assert recorder.log() == told
    assert "(1, of held)" in caplog.text


def test_an_interrupt_ends_the_wait_and_the_session() -> None:
    """Nobody waits any more; what runs on counts as cancelled."""
    recorder, held = Recorder(), Held()
    session = Session(recorder).install()
    thread = threading.Thread(target=held_task(held)["function"])
    thread.start()
    assert held.begun.wait(10)
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(KeyboardInterrupt):
            session.uninstall()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert (session.is_open, recorder.log()[-1]) == (False, "after_execute cancelled/run 1")
    held.go_on.set()
    thread.join(10)


def step(coroutine: Any) -> None:
    """Run a coroutine that waits for nothing, without an event loop."""
    try:
        coroutine.send(None)
    except StopIteration:
        pass
    finally:
        coroutine.close()


@task
async def quick(x: int) -> int:
    return x


@pytest.fixture
def interrupts() -> Iterator[random.Random]:
    """Have SIGALRM do what Ctrl-C does; the collector, in which it is swallowed, is off."""
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    gc.disable()
    yield random.Random(5)
    signal.setitimer(signal.ITIMER_REAL, 0)
    gc.enable()
    signal.signal(signal.SIGALRM, before)


@pytest.mark.filterwarnings("ignore")  # of coroutines that were made and not begun
@pytest.mark.parametrize("call", [lambda: load(1), lambda: step(quick(1))], ids=["function", "coroutine"])
def test_calls_that_are_interrupted_are_over(call: Callable[[], Any], interrupts: random.Random) -> None:
    """Wherever a Ctrl-C strikes: nobody waits for them at the end."""
    session = Session().install()
    struck, until = 0, time.monotonic() + 0.4
    while time.monotonic() < until:
        try:
            signal.setitimer(signal.ITIMER_REAL, interrupts.uniform(0.00001, 0.0004))
            try:
                for _ in range(300):
                    call()
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        except KeyboardInterrupt:
            struck += 1
    busy = session.is_busy()
    session.uninstall(grace=0)
    assert struck > 0
    assert not busy


@pytest.mark.parametrize("kind", ["function", "stream"])
def test_scopes_see_how_it_ended_for_observers(kind: str) -> None:
    """So a span says what the figures say, whatever the body did since."""
    seen, held = [], Held()

    class Scoped:
        name = "scoped"

        @hookimpl
        def bind(self) -> Scope:
            return Scope("scoped", lambda _: None, lambda call, _: seen.append(call.outcome.status))

        @hookimpl
        def after_execute(self, outcome: Outcome) -> None:
            seen.append(outcome.status)

    @task
    def stream() -> Iterator[str]:
        yield held()

    body = {"function": held_task(held)["function"], "stream": lambda: list(stream())}[kind]
    session = Session(Scoped()).install()
    thread = threading.Thread(target=body)
    thread.start()
    assert held.begun.wait(10)
    session.uninstall(grace=0)
    held.go_on.set()
    thread.join(10)
    assert seen == [{"function": "cancelled", "stream": "closed"}[kind]] * 2


def test_a_map_that_goes_on_is_ended_and_not_waited_for() -> None:
    """Its group is told of once, before the session ends."""
    recorder, held = Recorder(), Held()
    session = Session(recorder).install()

    @task(name="held")
    def body(_: int) -> str:
        return held()

    thread = threading.Thread(target=lambda: body.map(range(2)))
    thread.start()
    assert held.begun.wait(10)
    session.uninstall(grace=0)
    told = recorder.log()
    assert told[-1].startswith("after_group cancelled")
    assert not recorder.unbalanced()
    held.go_on.set()
    thread.join(10)
    assert recorder.log() == told


def test_a_call_that_goes_on_returns_its_value() -> None:
    """That its session is over is nothing to its caller."""
    held, values = Held(), []
    session = Session(Recorder()).install()
    body = held_task(held)["function"]
    thread = threading.Thread(target=lambda: values.append(body()))
    thread.start()
    assert held.begun.wait(10)
    session.uninstall(grace=0)
    held.go_on.set()
    thread.join(10)
    assert values == ["done"]


def test_what_was_submitted_and_has_not_begun_is_dropped() -> None:
    """When the time is over; the future says so."""
    held = Held()
    session = Session(executor="threads").install()
    from pegboard import Threads

    session.uninstall()
    session = Session(executor=Threads(workers=1)).install()
    body = held_task(held)["function"]
    first, second = body.submit(), load.submit(1)
    assert held.begun.wait(10)
    session.uninstall(grace=0)
    assert second.cancelled()
    held.go_on.set()
    assert first.result(10) == "done"


def test_a_suspended_stream_is_closed_when_the_time_is_over() -> None:
    """Its end is told once."""
    recorder = Recorder()
    session = Session(recorder).install()

    @task
    def numbers() -> Iterator[int]:
        yield 1
        yield 2

    stream = numbers()
    next(stream)
    session.uninstall(grace=0)
    assert recorder.log()[-1] == "after_execute closed/run 1"


def test_a_stream_that_nobody_reads_any_more_is_not_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    """As of a client that went away: what is left of its request holds it in a cycle, which nobody may collect for long."""
    session = Session().install()

    @task
    def numbers() -> Iterator[int]:
        yield 1

    gc.disable()
    try:
        request: list[object] = [numbers()]
        request.append(request)
        next(request[0])  # type: ignore[call-overload]
        del request
        session.uninstall(grace=0)
    finally:
        gc.enable()
    assert not caplog.records


def test_calls_of_this_very_loop_are_not_waited_for() -> None:
    """They could not end meanwhile."""
    recorder = Recorder()

    async def main() -> None:
        session = Session(recorder).install()
        begun, go_on = asyncio.Event(), asyncio.Event()

        @task
        async def waits() -> None:
            begun.set()
            await go_on.wait()

        waiting = asyncio.create_task(waits())
        await begun.wait()
        session.uninstall()
        go_on.set()
        await waiting

    asyncio.run(main())
    assert recorder.log()[-1] == "after_execute cancelled/run 1"


def test_it_ends_with_the_process() -> None:
    """Without a word of the program's."""
    program = """
        from pegboard import Session, hookimpl, task
        class Tells:
            name = "tells"
            @hookimpl
            def after_execute(self, outcome): print(outcome.status, flush=True)
            @hookimpl
            def session_end(self): print("end", flush=True)
        @task
        def load(): pass
        Session(Tells()).install()
        load()
    """
    assert run(program) == ["ok", "end"]


def test_a_forked_child_goes_on_with_it() -> None:
    """With an id of its own, told to plugins, and without the calls of threads that did not come along."""
    program = """
        import os, threading
        from pegboard import Session, hookimpl, task
        class Tells:
            name = "tells"
            @hookimpl
            def session_forked(self, session): print("forked", session.id != before, len(session.in_flight.running()), flush=True)
            @hookimpl
            def after_execute(self, outcome): print(outcome.status, flush=True)
        @task
        def load(): pass
        @task
        def held():
            begun.set()
            go_on.wait(10)
        begun, go_on = threading.Event(), threading.Event()
        session = Session(Tells()).install()
        before = session.id
        thread = threading.Thread(target=held)
        thread.start()
        begun.wait(10)
        child = os.fork()
        if not child:
            load()
            os._exit(0)
        os.waitpid(child, 0)
        go_on.set()
        thread.join()
        session.uninstall()
    """
    assert run(program) == ["forked True 0", "ok", "ok"]


def run(program: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-W", "ignore:This process:DeprecationWarning", "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert not done.stderr
    return done.stdout.split("\n")[:-1]


def test_the_default_session_makes_way(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """It ends, and the installed one serves in its place."""
    from pegboard.testing import reset_default_session

    monkeypatch.chdir(tmp_path)
    reset_default_session()
    seen = []

    @task
    def look() -> None:
        seen.append(current_call().session)

    look.run()
    default = seen[0]
    session = Session().install()
    look()
    assert (default.is_open, seen[1]) == (False, session)
    session.uninstall()


def test_the_default_session_ends_with_the_last_call_in_it() -> None:
    """Which goes on as it began."""
    held, seen = Held(), []

    @task
    def body() -> str:
        seen.append(current_call().session)
        return held()

    thread = threading.Thread(target=body.run)
    thread.start()
    assert held.begun.wait(10)
    session = Session().install()
    assert seen[0].is_open
    held.go_on.set()
    thread.join(10)
    for waiting in threading.enumerate():
        if waiting.name == "pegboard-default-session":
            waiting.join(10)
    assert not seen[0].is_open
    session.uninstall()


def test_it_says_what_the_configuration_names_and_it_lacks(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As nothing of that serves any more."""
    monkeypatch.setenv("PEGBOARD_PLUGINS", "retry")
    Session().install().uninstall()
    assert "lacks what the configuration names: retry" in caplog.text


def test_it_takes_what_is_configured_when_asked(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What it was given itself stays."""
    monkeypatch.setenv("PEGBOARD_PLUGINS", "given,named")
    given, named = offered(monkeypatch, "given", "named")
    mine = given()
    session = Session(mine, configured=True).install()
    assert session.plugins["given"] is mine
    assert isinstance(session.plugins["named"], named)
    assert not caplog.records
    session.uninstall()


def test_a_broken_configuration_is_an_error_before_anything_is_installed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """Nothing is half done."""
    (tmp_path / "pegboard.toml").write_text("plugin = []\n")
    monkeypatch.chdir(tmp_path)
    session = Session()
    with pytest.raises(ConfigError, match="plugin"):
        session.install()
    assert (current_session(), session.is_open) == (None, False)


def test_what_is_attached_everywhere_is_attached_to_it_on_the_spot(monkeypatch: pytest.MonkeyPatch) -> None:
    """As an instrumentation that comes when the program runs."""
    offered(monkeypatch, "named")
    session = Session().install()
    attach_everywhere("named")
    detach_everywhere("named")
    assert "named" in session.plugins
    session.uninstall()


def test_what_cannot_be_attached_on_the_spot_is_attached_nowhere() -> None:
    """An error leaves everything as it was."""
    session = Session().install()
    with pytest.raises(MissingPlugin):
        attach_everywhere("nothing-of-this-name")
    session.uninstall()
    with Session():
        pass


def test_it_works_again_after_its_end() -> None:
    """As any session may be entered again."""
    recorder = Recorder()
    session = Session(recorder)
    for _ in range(2):
        session.install()
        in_thread(lambda: load(1))
        session.uninstall()
    assert len(recorder.of("after_execute")) == 2


def test_logging_is_quiet_without_a_reason(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is said of a plain installation."""
    with caplog.at_level(logging.DEBUG):
        Session().install().uninstall()
    assert not caplog.records
