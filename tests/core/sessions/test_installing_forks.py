"""An installed session in forked children."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from contextvars import copy_context
from typing import Any

import pytest

from pegboard import Session, current_call, current_session, hookimpl, task
from pegboard.parts import after_fork

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks there"),
    pytest.mark.usefixtures("pegboard_isolated"),
]


class Tells:
    """Keeps what it is told."""

    name = "tells"

    def __init__(self, says: str | None = None) -> None:
        self.told: list[str] = []
        self.says = says

    @hookimpl
    def session_forked(self, session: Session) -> str | None:
        self.told.append(f"forked {session.id}")
        return self.says

    @hookimpl
    def session_end(self, session: Session) -> None:
        self.told.append(f"end {session.id}")

    @hookimpl
    def before_execute(self, call: Any) -> None:
        self.told.append(f"before {call.task.name}")

    @hookimpl
    def after_attempt(self, call: Any) -> None:
        self.told.append(f"attempt {call.task.name}")

    @hookimpl
    def after_execute(self, call: Any, outcome: Any) -> None:
        self.told.append(f"{outcome.status} {call.task.name}")

    @hookimpl
    def after_group(self, group: Any) -> None:
        self.told.append(f"group {group.name}")


@task(name="work")
def work() -> int:
    return 1


PROGRAM = """
import multiprocessing, os, signal, sys, threading, time
from concurrent.futures import ProcessPoolExecutor
from pegboard import Session, hookimpl, install_sigterm, task

home = os.getpid()

class Tells:
    name = "tells"
    @hookimpl
    def session_end(self, session): say(f"end {session.id == kept}")
    @hookimpl
    def after_execute(self, call): say(call.task.name)

def say(text):
    os.write(1, f"{'parent' if os.getpid() == home else 'child'}: {text}\\n".encode())

def wait(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

@task(name="work")
def work(): pass

@task(name="around")
def around(function): return function()

def exits():
    if child := os.fork(): return wait(child)
    work()
    sys.exit(3)

def uninstalls():
    if child := os.fork(): return wait(child)
    work()
    session.uninstall()
    os._exit(3)

def returns():
    if child := os.fork(): return wait(child)
    work()

def grandchild():
    if child := os.fork(): return wait(child)
    if child := os.fork(): sys.exit(wait(child))
    work()
    sys.exit(3)

def in_process(function=None):
    process = multiprocessing.get_context("fork").Process(target=function or in_child)
    process.start()
    process.join()
    return process.exitcode

def in_child():
    work()
    sys.exit(3)

def nested_processes():
    return in_process(in_process_of_process)

def fork_in_process():
    return in_process(lambda: sys.exit(exits()))

def in_process_of_process():
    sys.exit(in_process())

def in_pool():
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as pool:
        pool.submit(work).result()
    return 3

def terminated():
    install_sigterm()
    reader, writer = os.pipe()
    if child := os.fork():
        os.read(reader, 1)
        os.kill(child, signal.SIGTERM)
        return wait(child) - 140
    work()
    os.write(writer, b"x")
    time.sleep(30)

how, where = sys.argv[1:]
way = globals()[how]
session = Session(Tells()).install()
kept = session.id
if where == "call in a block":
    with session:
        code = around(way)
elif where == "thread":
    codes = []
    thread = threading.Thread(target=lambda: codes.append(way()))
    thread.start()
    thread.join()
    code = codes[0]
else:
    code = way()
if os.getpid() == home:
    say(f"code {code or 3}")
"""
HOWS = [
    *(
        "exits",
        "uninstalls",
        "returns",
        "grandchild",
        "in_process",
        "nested_processes",
        "fork_in_process",
        "in_pool",
    ),
    "terminated",
]
CASES = [
    *((how, "call in a block") for how in HOWS),
    *((how, "plain") for how in ("exits", "in_process")),
    *(
        (how, "thread") for how in ("uninstalls", "in_process")
    ),  # at the end of another thread Python runs no exit handlers
]


@pytest.mark.parametrize(("how", "where"), CASES)
def test_it_ends_in_the_child_once_and_in_the_parent(how: str, where: str) -> None:
    """However the child ends, and wherever it was forked; of the call around the fork the parent alone tells."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore:This process:DeprecationWarning", "-c", PROGRAM, how, where],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    told = done.stdout.splitlines()
    ends = ["child: end False"] * (2 if how in ("nested_processes", "fork_in_process", "grandchild") else 1)
    assert [line for line in told if line.startswith("child")] == ["child: work", *ends]
    assert sorted(line for line in told if line.startswith("parent")) == [
        *["parent: around"] * (where == "call in a block"),
        "parent: code 3",
        "parent: end True",
    ]
    assert done.stderr == ""


def test_plugins_are_told_after_all_that_renews_itself(in_child: Any) -> None:
    """Also those that came after the session was installed, and what they made later still."""

    class Part:
        def __init__(self) -> None:
            self.renewed = 0
            after_fork(self.renew)

        def renew(self) -> None:
            self.renewed += 1

    class Late:
        name = "late"
        seen: int | None = None

        @hookimpl
        def session_forked(self) -> None:
            self.seen = part.renewed

    session = Session().install()
    late = Late()
    session.register(late)
    part = Part()
    assert in_child(lambda: late.seen) == 1
    session.uninstall()


def test_what_plugins_say_is_logged_at_the_first_call_once(
    in_child: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """In one warning for all of them; a child that calls nothing says nothing, and a child's child says it anew."""

    class Other(Tells):
        name = "other"

    session = Session(Tells("Tells(): not here"), Other("Other(): nor this"), Silent(), quiet=True).install()

    def child() -> Any:
        before = [*caplog.messages]
        work()
        task(name="another")(lambda: None)()
        said = [*caplog.messages]
        caplog.clear()
        return [before, said, session.id, os.getpid(), in_child(lambda: [work(), caplog.messages][1])]

    before, said, own_id, pid, grandchild = in_child(child)
    assert before == []
    (message,) = said
    assert message.splitlines()[1:3] == ["- Other(): nor this", "- Tells(): not here"]
    assert message.startswith(
        f"<Session {own_id} of tells, other, silent> goes on in process {pid}, which was forked"
    )
    assert message.endswith("Session(...).install(replace=True).")
    assert len(grandchild) == 1
    session.uninstall()


class Silent:
    """Has nothing to say."""

    name = "silent"

    @hookimpl
    def session_forked(self) -> None:
        """Do nothing."""


def test_what_a_plugin_does_wrong_keeps_nobody_else_from_being_told(
    in_child: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged and counted, as an observer's."""

    class Fails:
        name = "fails"

        @hookimpl
        def session_forked(self) -> None:
            raise LookupError

    tells = Tells()
    session = Session(tells, Fails(), quiet=True).install()
    told, counted, said = in_child(lambda: [tells.told, [*session.observer_errors.items()], caplog.messages])
    assert told[0].startswith("forked")
    assert counted == [[["fails", "session_forked"], 1]]
    assert "plugin fails failed in session_forked with LookupError" in said[0]
    session.uninstall()


@pytest.mark.parametrize("kind", ["function", "coroutine", "generator", "map"])
def test_the_call_around_the_fork_tells_nothing_where_it_returns_in_the_child(
    in_child: Any, kind: str
) -> None:
    """Neither its end, nor that of its attempt or group: these are the parent's. What it calls there is told."""
    tells = Tells()
    session = Session(tells, executor="inline").install()

    def body() -> Any:
        return in_child_of(lambda: (tells.told.clear(), work())[1])

    reader, writer = os.pipe()
    child = []

    def in_child_of(function: Any) -> Any:
        child.append(fork_quietly())
        return function() if not child[-1] else os.waitpid(child[-1], 0)

    call_it(kind, body)
    if not child[-1]:
        os.write(writer, ", ".join(tells.told).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as file:
        assert file.read() == "before work, attempt work, ok work"
    assert tells.told[-1] == ("group body" if kind == "map" else "ok body")
    session.uninstall()


def fork_quietly() -> int:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def call_it(kind: str, body: Any) -> None:
    import asyncio

    if kind == "function":
        task(name="body")(body)()
    elif kind == "map":
        task(name="body")(lambda _: body()).map([1])
    elif kind == "generator":

        def stream() -> Any:
            yield body()

        list(task(name="body")(stream)())
    else:

        async def coroutine() -> Any:
            body()

        asyncio.run(task(name="body")(coroutine)())


def test_a_child_may_uninstall_it_inside_the_call_that_its_parent_forked_in(in_child: Any) -> None:
    """It waits for none of the parent's calls; in the parent that is an error. What it calls itself is a call of its own."""
    session = Session().install()

    @task
    def forks() -> Any:
        return in_child(lambda: [current_call() is not None, session.uninstall(grace=0), session.is_open])

    assert forks() == [True, None, False]

    @task
    def uninstalls() -> None:
        session.uninstall()

    assert "cannot be uninstalled from inside" in in_child(uninstalls)
    session.uninstall()


@pytest.mark.parametrize("where", ["block", "copied context", "other thread"])
def test_uninstalling_ends_it_in_the_child_whoever_had_entered_it(in_child: Any, where: str) -> None:
    """Blocks of the parent are left by nobody there; installed twice, it is uninstalled once."""
    session = Session().install()
    session.install()

    def child() -> Any:
        session.uninstall()
        return session.is_open, current_session() is None

    if where == "block":
        with session:
            assert in_child(child) == [False, True]
            assert session.is_open
    elif where == "copied context":
        with session:
            ended = []
            context = copy_context()
            thread = threading.Thread(target=lambda: ended.append(context.run(in_child, child)))
            thread.start()
            thread.join()
        assert ended == [[False, True]]
    else:
        entered, leave = threading.Event(), threading.Event()

        def enters() -> None:
            with session:
                entered.set()
                leave.wait(20)

        thread = threading.Thread(target=enters)
        thread.start()
        entered.wait(20)
        assert in_child(child) == [False, True]
        leave.set()
        thread.join()
    while current_session() is session:
        session.uninstall()


def test_a_block_of_the_childs_own_keeps_it_open(in_child: Any) -> None:
    """As in the parent: who has entered it is in it until he leaves."""
    session = Session().install()

    def child() -> Any:
        block = Session.__enter__(session)
        inside = session.is_open
        block.__exit__(None, None, None)
        return inside, session.is_open

    with session:
        assert in_child(child) == [True, True]
    assert not session.is_open


def test_a_child_installs_another_in_its_place(in_child: Any) -> None:
    """The one that it has from its parent ends there, and not in the parent."""
    tells = Tells()
    session = Session(tells).install()

    def child() -> Any:
        own = Session().install(replace=True)
        return [current_session() is own, tells.told[-1] == f"end {session.id}", session.is_open]

    assert in_child(child) == [True, True, False]
    assert session.is_open
    assert tells.told == []
    session.uninstall()


def test_it_drains_in_the_child_only_when_it_is_asked_to_there(in_child: Any) -> None:
    """A parent that drains has a child that begins anew."""
    session = Session().install()
    session.drain()
    assert in_child(lambda: session.is_draining) is False
    session.uninstall()


def test_one_that_is_installed_in_a_process_of_multiprocessing_ends_with_it() -> None:
    """Such processes run no exit handlers."""
    program = """
        import multiprocessing, os
        from pegboard import Session, hookimpl
        class Tells:
            name = "tells"
            @hookimpl
            def session_end(self): os.write(1, b"ended\\n")
        def child(): Session(Tells()).install()
        process = multiprocessing.get_context("fork").Process(target=child)
        process.start()
        process.join()
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("ended\n", "")


@pytest.mark.parametrize("installed", [True, False], ids=["installed", "open"])
def test_ids_are_those_of_the_process_that_made_them(in_child: Any, installed: bool) -> None:
    """The call around the fork has its parent's in the child and in its children, where others have their own."""
    session = Session()
    session.install() if installed else session.__enter__()

    @task
    def ids() -> Any:
        call = current_call()
        assert call is not None
        return [call.id, call.parent_id]

    @task
    def forks() -> Any:
        call = current_call()
        assert call is not None
        own = call.id
        (first, around), (second, grandparent) = in_child(lambda: [ids(), in_child(ids)])
        return own == around == grandparent, len({own, first, second})

    assert forks() == (True, 3)
    session.uninstall() if installed else session.__exit__(None, None, None)


def test_a_session_inside_it_has_another_id_in_the_child_too(in_child: Any) -> None:
    """Groups are told apart by it, and it came along."""
    session = Session().install()
    with Session() as inner:
        ids = in_child(lambda: [session.id, inner.id])
        assert len({session.id, inner.id, *ids}) == 4
    session.uninstall()
