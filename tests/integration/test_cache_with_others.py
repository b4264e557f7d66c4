"""The cache together with retries, timeouts, recovery and secrets, on each of its stores."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
import threading
import time
from itertools import count

import pytest

from pegboard import (
    Cache,
    Caching,
    Fallback,
    Handle,
    NeedsSecrets,
    Retry,
    Secrets,
    Session,
    TaskTimeout,
    Timeout,
    task,
)
from pegboard.testing import FakeClock
from pegboard_secrets import INJECTED


@pytest.fixture(params=["sync", "async"])
def make(request):
    """Make a task of each colour from a sync body."""

    def build(body, *options):
        async def coroutine(*args):
            await asyncio.sleep(0)
            return body(*args)

        return task(*options, name="probe")(body if request.param == "sync" else coroutine)

    return build


@pytest.fixture(params=["memory", "folder", "redis", "objects"])
def store(request, tmp_path):
    """Where values are kept, once of each kind."""
    if request.param == "redis":
        return request.getfixturevalue("redis_url")
    return {"memory": None, "folder": tmp_path / "cache", "objects": "memory:///"}[request.param]


def test_stopped_server_runs_the_body_once(make, tmp_path, caplog, redis_program) -> None:
    """With Redis stopped and `Retry(3)` the body runs once a call, and one warning says what failed."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [redis_program, "--port", str(port), "--save", "", "--dir", tmp_path], stdout=-3
    )
    _wait_for(port)
    runs = count()
    body = make(lambda x: (next(runs), x)[1], Retry(3), Cache())
    with Session(Caching(f"redis://127.0.0.1:{port}"), inherit=False) as session:
        assert [body.run(1).unwrap(), body.run(1).source] == [1, "cache"]
        server.terminate()
        server.wait(10)
        assert [body.run(1).attempts, body.run(2).attempts, next(runs)] == [1, 1, 3]
        assert session[Caching].stats().failures >= 4
    assert sum("cannot read" in record.getMessage() for record in caplog.records) == 1


def _wait_for(port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    pytest.fail("the server does not listen")


def test_failing_attempts_leave_one_value(make, store) -> None:
    """What a retry saved is kept once; the attempts that failed are not, and a hit has no attempt."""
    runs = count()

    def flaky(x):
        if next(runs) < 2:
            raise OSError
        return x

    body = make(flaky, Retry(3, wait=1), Cache())
    with Session(Caching(store), FakeClock(), inherit=False, strict=True) as session:
        assert [body.run(7).attempts, body.run(7).attempts] == [3, 0]
        assert session[Caching].stats().stored == 1


@pytest.mark.parametrize(
    "option", [Fallback("other"), Handle(OSError, lambda error: "other")], ids=["fallback", "handler"]
)
def test_a_recovered_value_is_never_kept(make, store, option) -> None:
    """The value of a fallback or a handler is returned, and the next call runs the body again."""
    runs = count()

    def fails():
        next(runs)
        raise OSError

    body = make(fails, option, Cache())
    with Session(Caching(store), inherit=False, strict=True) as session:
        assert [body.run().unwrap(), body.run().unwrap(), next(runs)] == ["other", "other", 2]
        assert session[Caching].stats().entries == 0


def test_a_late_result_is_not_kept(store) -> None:
    """What a function returns after its timeout is dropped; the next call runs, and its value is kept."""
    goes_on, runs = threading.Event(), count()

    @task(Timeout(0.1), Cache())
    def body():
        run = next(runs)
        if run == 0:
            goes_on.wait(10)
        return run

    with Session(Caching(store), inherit=False, strict=True) as session:
        with pytest.raises(TaskTimeout):
            body()
        goes_on.set()
        assert [body(), body()] == [1, 1]
        assert session[Caching].stats().stored == 1


CANARY = "canary-51b7-e02d-9f"


@pytest.mark.parametrize("kept", ["folder", "redis"])
def test_a_secret_is_in_no_store(kept, tmp_path, redis_url) -> None:
    """A value with a secret that the task was handed is returned, and its text is nowhere in the store."""
    where = tmp_path / "cache" if kept == "folder" else redis_url

    @task(NeedsSecrets("API_KEY"), Cache())
    def body(x, *, secrets=INJECTED):
        return {"header": f"Bearer {secrets['API_KEY']}" if x else "none"}

    with Session(Caching(where), Secrets({"API_KEY": CANARY}), inherit=False, strict=True) as session:
        assert CANARY in body(1)["header"]
        assert [body.run(1).source, body.run(0).source, body.run(0).source] == ["run", "run", "cache"]
        assert session[Caching].stats().unstorable == 2
    if kept == "folder":
        texts = [path.read_bytes() for path in where.rglob("*") if path.is_file()]
    else:
        import redis

        with redis.Redis.from_url(redis_url) as client:
            texts = [client.get(key) + key for key in client.scan_iter()]
    assert texts
    assert not [text for text in texts if CANARY.encode() in text]


LEADER = """
import os, sys, time
from pegboard import Cache, Caching, Retry, Session, Timeout, task
@task(Cache(lock=True), Retry(2), Timeout(30))
def body(x):
    print("leads", flush=True)
    time.sleep(30 if sys.argv[2] == "hang" else 0)
    return x
with Session(Caching(sys.argv[1]), inherit=False):
    body(7)
"""


def test_killed_leader_frees_the_others(tmp_path) -> None:
    """With the whole stack of policies, too, a leader that is killed frees its key at once."""
    (tmp_path / "leader.py").write_text(LEADER)
    command = [sys.executable, "leader.py", str(tmp_path / "cache")]
    first = subprocess.Popen([*command, "hang"], cwd=tmp_path, stdout=subprocess.PIPE)
    with first:
        assert first.stdout.readline() == b"leads\n"
        second = subprocess.Popen([*command, "go"], cwd=tmp_path, stdout=subprocess.PIPE)
        with second:
            with pytest.raises(subprocess.TimeoutExpired):
                second.wait(1)
            first.send_signal(signal.SIGKILL)
            assert second.wait(5) == 0
            assert second.stdout.read() == b"leads\n"


MAIN = """
import asyncio, dataclasses, enum, sys
from pegboard import Cache, Caching, On, Processes, Session, task
from kit import helper
class Rates:
    low = 3
    def due(self): return 3
class Colour(enum.Enum):
    RED = 1
@dataclasses.dataclass
class Row:
    a: int
rates = Rates()
def add(x): return helper.one(x)
@task(Cache())
def function(row, colour):
    from kit.helper import two
    return add(row.a) + Rates().due() + rates.low + two()
@task(Cache())
def generator(x):
    yield add(x)
@task(Cache())
async def coroutine(x):
    return add(x)
@task(On("processes"))
def function_there(): return function(Row(1), Colour.RED)
@task(On("processes"))
def generator_there(): return list(generator(2))
@task(On("processes"))
async def coroutine_there(): return await coroutine(3)
with Session(Caching(sys.argv[2]), Processes(1, start_method=sys.argv[1])) as session:
    function_there(), generator_there(), asyncio.run(coroutine_there())
    function(Row(1), Colour.RED), list(generator(2)), asyncio.run(coroutine(3))
    print(session[Caching].stats().hits)
"""


@pytest.mark.parametrize("method", ["forkserver", "spawn", "fork"])
@pytest.mark.parametrize("start", [["main.py"], ["-m", "main"], ["-m", "kit"]], ids=" ".join)
def test_key_of_the_main_program(tmp_path, method, start) -> None:
    """What a worker kept for a task of the main program is found at home, whatever its kind and its helpers."""
    kit = tmp_path / "kit"
    kit.mkdir()
    for path in (tmp_path / "main.py", kit / "__main__.py"):
        path.write_text(MAIN)
    (kit / "__init__.py").touch()
    (kit / "helper.py").write_text("def one(x): return x + 1\ndef two(): return 2\n")
    command = [sys.executable, *start, method, str(tmp_path / "cache")]
    assert subprocess.check_output(command, cwd=tmp_path, text=True, timeout=60) == "3\n"
