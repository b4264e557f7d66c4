"""What the policies cost a call: idle, when they have work to do, and beside the libraries that people use for the same."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cashews
import joblib
import stamina
import stamina.instrumentation
import tenacity

from benchmarks.calls import in_session
from benchmarks.measure import Row, measure, plain, ready, repeat, repeat_async, table
from pegboard import (
    Breaker,
    Cache,
    Caching,
    Concurrency,
    Deadline,
    Fallback,
    Handle,
    NeedsSecrets,
    Option,
    RateLimit,
    Retry,
    Secrets,
    Session,
    Timeout,
    Undo,
    Validate,
    current_call,
    task,
)
from pegboard_secrets import INJECTED


async def aplain(x: int) -> int:
    return x


def with_secrets(x: int, *, secrets: Mapping[str, str] = INJECTED) -> int:  # noqa: ARG001
    return x


def add(x: int, y: int) -> int:
    return x + y


async def aadd(x: int, y: int) -> int:
    return x + y


class Flaky:
    """Fails twice, and then returns."""

    def __init__(self) -> None:
        self.runs = 0

    def __call__(self) -> int:
        self.runs += 1
        if self.runs % 3:
            raise OSError
        return 1


@task(Retry(2))
def flaky() -> int:
    call: Any = current_call()
    if call.attempt < 3:
        raise OSError
    return 1


def idle(option: Option) -> Callable[[], Any]:
    return in_session(repeat(task(option)(plain), 1))


def idle_rows() -> list[Row]:
    """Each policy on a function that succeeds at once; the first row is what they are to be compared with."""
    return [
        Row("session, no option", in_session(repeat(task(plain), 1)), 0.6),
        Row("Retry(3)", idle(Retry(3)), 1.2),
        Row("Fallback", idle(Fallback(0))),
        Row("Handle", idle(Handle(OSError, lambda _: 0))),
        Row("Undo", idle(Undo(lambda _: None))),
        Row("Breaker", idle(Breaker())),
        Row("RateLimit, never full", idle(RateLimit("1000000000/s"))),
        Row("Concurrency, never full", idle(Concurrency(10))),
        Row("Validate(inputs=True)", idle(Validate(inputs=True))),
        Row("Validate(output=int)", idle(Validate(output=int))),
        Row(
            "NeedsSecrets",
            in_session(repeat(task(NeedsSecrets("KEY"))(with_secrets), 1), Secrets({"KEY": "a secret"})),
        ),
        Row("Timeout, a function in a thread beside", idle(Timeout(60)), times=1_000),
        Row("Timeout, a coroutine", in_session(repeat_async(task(Timeout(60))(aplain), 1)), times=1_000),
        Row("Deadline, a coroutine", in_session(repeat_async(task(Deadline(60))(aplain), 1)), times=1_000),
    ]


def retry_rows() -> list[Row]:
    """Retries that are not needed, and two that are, beside tenacity and stamina."""
    again = tenacity.retry(stop=tenacity.stop_after_attempt(4))
    stamina.instrumentation.set_on_retry_hooks([])  # it would log each retry
    stamp = stamina.retry(on=OSError, attempts=4, timeout=None, wait_initial=0, wait_jitter=0)
    return [
        Row("Retry, first attempt succeeds", idle(Retry(3)), 1.2),
        Row("tenacity", lambda: ready(repeat(again(plain), 1)), times=1_000),
        Row("stamina", lambda: ready(repeat(stamp(plain), 1)), times=1_000),
        Row("Retry, two failures, then success", in_session(repeat(flaky)), 10.0, times=1_000),
        Row("tenacity, the same", lambda: ready(repeat(again(Flaky().__call__))), times=200),
        Row("stamina, the same", lambda: ready(repeat(stamp(Flaky().__call__))), times=200),
    ]


@contextmanager
def hits(store: str | None) -> Iterator[Callable[[int], object]]:
    """Hits of ours, in the store of a session."""
    stored = task(Cache(ttl=3600))(add)
    with Session(Caching(store), inherit=False):
        stored(1, 2)
        yield repeat(stored, 1, 2)


@contextmanager
def folder_hits() -> Iterator[Callable[[int], object]]:
    with tempfile.TemporaryDirectory() as folder, hits(folder) as run:
        yield run


@contextmanager
def joblib_hits() -> Iterator[Callable[[int], object]]:
    with tempfile.TemporaryDirectory() as folder:
        stored = joblib.Memory(folder, verbose=0).cache(add)
        stored(1, 2)
        yield repeat(stored, 1, 2)


@contextmanager
def cashews_hits(url: str) -> Iterator[Callable[[int], object]]:
    peer = cashews.Cache()
    peer.setup(url)
    stored = peer(ttl=3600)(aadd)

    async def loop(times: int) -> None:
        for _ in range(times):
            await stored(1, 2)

    with asyncio.Runner() as runner:  # its connections belong to one event loop
        yield lambda times: runner.run(loop(times))
        runner.run(peer.close())


@contextmanager
def redis() -> Iterator[str]:
    """A redis-server of our own on a free port of the loopback interface."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        program = shutil.which("redis-server") or "redis-server"
        arguments = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        with (Path(folder) / "log").open("wb") as log:
            server = subprocess.Popen(arguments, stdout=log, stderr=log)
        try:
            _wait_for(port)
            yield f"redis://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(10)


def _wait_for(port: int) -> None:
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return


def hit_rows(redis_url: str | None) -> list[Row]:
    """A hit, key of two scalars included, beside cashews and joblib."""
    rows = [
        Row("memory hit", lambda: hits(None), 5.0, times=2_000),
        Row("cashews, memory (async)", lambda: cashews_hits("mem://"), times=500),
        Row("folder hit, SQLite index", folder_hits, times=300),
        Row("joblib.Memory", joblib_hits, times=100),
    ]
    if redis_url is not None:
        rows += [
            Row("Redis hit", lambda: hits(redis_url), times=200),
            Row("cashews, Redis (async)", lambda: cashews_hits(redis_url), times=200),
        ]
    return rows


def report() -> str:
    """Measure and lay out the tables."""
    tables = [
        table("Policies, idle", measure(idle_rows())),
        table("Retries beside their peers", measure(retry_rows())),
    ]
    if shutil.which("redis-server"):
        with redis() as url:
            tables.append(table("Cache hits beside their peers", measure(hit_rows(url))))
    else:
        tables.append(table("Cache hits beside their peers", measure(hit_rows(None))))
        tables.append("redis-server is not on PATH, so its rows are left out.")
    return "\n".join(tables)
