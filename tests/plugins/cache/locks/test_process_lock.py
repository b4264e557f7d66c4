"""One run among processes."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from itertools import count

import pytest

from pegboard import Session, task
from pegboard_cache import Cache, Caching, Entry, RedisStore
from pegboard_cache.keys.key import keys_of
from pegboard_cache.locks.process_lock import LeaseRequest, pauses

LEASE = 0.25

# Forks one process for each mode, and tells what each of them returned, or its signal, and in how many seconds.
WORK = """
import os, signal, sys, time
from pegboard import Session, task
from pegboard_cache import Cache, Caching, RedisStore

url, log, lease, *modes = sys.argv[1:]
mode = ""
store = RedisStore(url, lease=float(lease)) if url.startswith("redis") else url

@task(Cache(lock=True))
def body(x):
    with open(log, "a") as file:
        file.write(mode)
    if mode == "f":
        time.sleep(0.1)
        raise OSError("mine")
    time.sleep({"h": 60, "s": 0.6}.get(mode, 0.05))
    return x

def work():
    try:
        with Session(Caching(store), inherit=False, strict=True):
            return body(7)
    except OSError:
        return 9

def log_size():
    return os.path.getsize(log)

children = []
for mode in modes:
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = work()
        finally:
            os._exit(code)
    children.append(pid)
    while mode in "hfs" and log_size() == 0:  # this one leads
        time.sleep(0.01)
if modes[0] == "h":
    time.sleep(0.1)
    assert log_size() == 1, "somebody did not wait"
    os.kill(children[0], signal.SIGKILL)
begun = time.monotonic()
ended = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
print(*ended, sep=" ", end="")
print(f" {time.monotonic() - begun:.1f}")
"""


@pytest.fixture(params=["folder", "redis"])
def place(request, tmp_path):
    """Where several processes keep their values."""
    return request.getfixturevalue("redis_url") if request.param == "redis" else str(tmp_path / "cache")


@pytest.fixture
def race(place, tmp_path):
    """Run processes on one key: what they ended with, who ran the body, and how long the last one took."""
    (tmp_path / "work.py").write_text(WORK)
    log = tmp_path / "log"
    log.touch()

    def run(modes, lease=LEASE):
        done = subprocess.run(
            [sys.executable, "work.py", place, log, str(lease), *modes],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        *ended, seconds = done.stdout.split()
        return [int(each) for each in ended], log.read_text(), float(seconds)

    return run


def test_eight_processes_one_run(race):
    """Eight processes want one key, one of them computes it, and all return it."""
    ended, ran, _ = race("nnnnnnnn")
    assert ended == [7] * 8
    assert ran == "n"


def test_killed_leader(race):
    """When the process that computes is killed, another one computes, at the end of its lease at the latest."""
    ended, ran, seconds = race("hnn")
    assert ended == [-9, 7, 7]
    assert ran == "hn"
    assert seconds < LEASE + 1


def test_failing_leader(race):
    """When the leader of another process fails, the others compute for themselves, one after the other."""
    ended, ran, _ = race("fnn")
    assert ended == [9, 7, 7]
    assert ran == "fn"


@pytest.mark.parametrize("place", ["redis"], indirect=True)
def test_long_run_keeps_its_lease(race):
    """A leader that takes longer than its lease renews it, and the others go on waiting."""
    ended, ran, _ = race("sn")
    assert ended == [7, 7]
    assert ran == "s"


@pytest.fixture
def store(redis_url):
    """A store whose lease another store may hold, as another process would."""
    made = RedisStore(redis_url, lease=LEASE)
    yield made
    made.close()


@pytest.fixture
def held(redis_url):
    """Hold the lease of every key that is asked for, through a store of its own; call it to let go."""
    other = RedisStore(redis_url, lease=LEASE)
    leases = {}

    def hold(key):
        leases[key] = other.lease(key)
        assert leases[key] is not None

    def release():
        while leases:
            leases.popitem()[1].release()

    yield hold, release
    release()
    other.close()


def name_of_key(cached):
    """The key under which a call without arguments is kept."""
    return keys_of(cached, cached.option(Cache).key)((), {})


def test_waiting_coroutine_leaves_the_loop_alone(store, held):
    """A coroutine that waits for another process does not hold up the others, and goes on when it is let."""
    hold, release = held

    @task(Cache(key=lambda inputs: "k", lock=True))
    async def body():
        return 1

    async def main():
        waiting = asyncio.ensure_future(body())
        for _ in range(20):
            await asyncio.sleep(0.01)
        assert not waiting.done()
        release()
        return await asyncio.wait_for(waiting, 5)

    caching = Caching(store)
    with Session(caching, inherit=False, strict=True):
        hold(name_of_key(body))
        assert asyncio.run(main()) == 1


def test_cancelled_while_waiting(store, held):
    """A coroutine that is cancelled while it waits leaves no lease behind, at whichever moment."""
    hold, release = held

    @task(Cache(key=lambda inputs: "k", lock=True))
    async def body():
        return 1

    async def main(seconds):
        waiting = asyncio.ensure_future(body())
        await asyncio.sleep(seconds)
        release()
        waiting.cancel()
        await asyncio.wait([waiting])

    with Session(Caching(store), inherit=False, strict=True):
        key = name_of_key(body)
        for seconds in (0, 0.001, 0.003, 0.01, 0.05):
            hold(key)
            asyncio.run(main(seconds))
            store.delete(key)
            lease = store.lease(key)
            assert lease is not None
            lease.release()


def test_value_of_another_process_is_a_hit(store, held, recorder):
    """A call that waited for another process and found its value is a hit, and tells no miss."""
    hold, _ = held

    @task(Cache(key=lambda inputs: "k", lock=True))
    def body():
        return "mine"

    caching = Caching(store)
    with Session(caching, recorder, inherit=False, strict=True) as session:
        key = name_of_key(body)
        hold(key)
        future = body.submit()
        time.sleep(0.1)
        store.put(key, Entry("theirs", session.clock.time(), None))
        assert future.result(5) == "theirs"
    assert caching.stats().hits == 1
    assert caching.stats().misses == 0
    assert len(recorder.of("on_cache_hit")) == 1
    assert recorder.of("on_cache_miss") == []


def test_threads_of_one_process_ask_once(store):
    """Within a process equal calls share one run, and one lease."""
    runs = count()

    @task(Cache(lock=True))
    def body():
        time.sleep(0.05)
        return next(runs)

    with Session(Caching(store), inherit=False, strict=True):
        futures = [body.submit() for _ in range(8)]
        assert [future.result(5) for future in futures] == [0] * 8


def test_nothing_is_left(tmp_path, redis_url):
    """After the run neither a lock file nor a key is there, and no thread renews anything."""

    @task(Cache(lock=True))
    def body(fails):
        if fails:
            raise ValueError
        return 1

    for store in (str(tmp_path / "cache"), redis_url):
        caching = Caching(store)
        with Session(caching, inherit=False, strict=True):
            body(False)
            with pytest.raises(ValueError):
                body(True)
        assert caching.clear() == 1
    assert list((tmp_path / "cache" / "locks").iterdir()) == []
    for each in threading.enumerate():
        if each.name == "pegboard-cache-leases":
            each.join(5)
            assert not each.is_alive()


def test_cancelled_request_gives_back():
    """A lease that arrives after its call has gone is released at once."""

    class Lease:
        released = 0

        def release(self):
            self.released += 1

    lease = Lease()
    request = LeaseRequest(lambda key: lease, "k")
    request.cancel()
    assert not request.try_acquire()
    assert lease.released == 1
    request.cancel()
    assert lease.released == 1


def test_pauses_grow_to_a_bound():
    """Whoever waits asks often at first, and twenty times a second later."""
    first = [pause for pause, _ in zip(pauses(), range(20), strict=False)]
    assert first == sorted(first)
    assert first[0] < 0.005
    assert first[-1] == 0.05
