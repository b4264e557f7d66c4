"""The key on a server that one process at a time holds."""

from __future__ import annotations

import threading
import time

import pytest
import redis

from pegboard_cache.locks.redis_lease import Renewer, take


@pytest.fixture
def server(redis_url):
    """A client."""
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def renewer():
    """Renews fifty times a second; after the test its thread has ended."""
    before = {*threading.enumerate()}
    yield Renewer(0.02)
    for thread in {*threading.enumerate()} - before:
        thread.join(5)
        assert not thread.is_alive()


def test_one_at_a_time(server, renewer):
    """Who has the key has the lease; released, it is gone from the server."""
    lease = take(server, b"k", 10, renewer)
    assert take(server, b"k", 10, renewer) is None
    assert 0 < server.pttl("k") <= 10_000
    lease.release()
    assert server.keys() == []


def test_renewed(server, renewer):
    """A lease lives for longer than its seconds, while it is held."""
    lease = take(server, b"k", 0.1, renewer)
    time.sleep(0.3)
    assert take(server, b"k", 0.1, renewer) is None
    lease.release()


def test_ends_with_its_holder(server, renewer):
    """A lease that nobody renews is free after its seconds."""
    lease = take(server, b"k", 0.05, renewer)
    renewer.remove(lease)
    time.sleep(0.1)
    taken = take(server, b"k", 10, renewer)
    assert taken is not None
    taken.release()


def test_dropped_lease_expires(server, renewer):
    """A lease that its holder dropped, as an interrupt made it, is renewed no more, and free after its seconds."""
    lease = take(server, b"k", 0.2, renewer)
    time.sleep(0.1)
    del lease
    until = time.monotonic() + 10
    taken = None
    while taken is None and time.monotonic() < until:
        taken = take(server, b"k", 10, renewer)
        time.sleep(0.02)
    assert taken is not None
    taken.release()


def test_lost_lease_leaves_the_next_one_alone(server, renewer):
    """Releasing and renewing touch a key only while it holds the lease's own token."""
    lost = take(server, b"k", 10, renewer)
    server.set("k", "of another")
    assert not lost.renew()
    lost.release()
    assert server.get("k") == b"of another"


def test_thread_ends_with_the_last_lease(server, renewer):
    """Renewing takes one thread, which is gone at once when nothing is held."""
    before = {*threading.enumerate()}
    leases = [take(server, name, 10, renewer) for name in (b"a", b"b")]
    (thread,) = {*threading.enumerate()} - before
    for lease in leases:
        lease.release()
    thread.join(5)
    assert not thread.is_alive()


def test_server_that_is_away_for_a_while(server, renewer):
    """A renewal that fails is tried again: the lease goes on when the server is back."""

    class Flaky:
        fails = 3

        def eval(self, *args):
            if self.fails:
                self.fails -= 1
                raise redis.ConnectionError
            return server.eval(*args)

        set = server.set

    lease = take(Flaky(), b"k", 0.3, renewer)
    time.sleep(0.5)
    assert server.exists("k")
    lease.release()
