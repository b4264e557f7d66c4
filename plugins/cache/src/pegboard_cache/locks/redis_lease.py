"""The right to compute a key, among processes that share a Redis server: a key with a token that expires."""

from __future__ import annotations

import secrets
import threading
import weakref
from typing import Any

import attrs

from pegboard.parts import after_fork, new_rlock

_RENEW = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) end return 0"
_RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"


@attrs.define(eq=False)
class RedisLease:
    """A key on the server that holds this lease's token, for as long as it is renewed."""

    _client: Any
    _name: bytes
    _token: str
    _seconds: float
    _renewer: Renewer

    def renew(self) -> bool:
        """Begin the lease's time anew; say whether it was still ours."""
        return bool(self._client.eval(_RENEW, 1, self._name, self._token, _milliseconds(self._seconds)))

    def release(self) -> None:
        """Let the next process in, unless this lease was lost before."""
        self._renewer.remove(self)
        self._client.eval(_RELEASE, 1, self._name, self._token)


class Renewer:
    """Renews leases from one thread, which lives while there are any.

    Args:
        every: Seconds from one renewal to the next.
    """

    def __init__(self, every: float) -> None:
        self._every = every
        self._begin_anew()
        after_fork(self._begin_anew)

    def _begin_anew(self) -> None:
        """Begin with no lease, also in a forked child: the leases, and the thread, are those of the parent."""
        self._changed = threading.Condition(new_rlock())
        # Weakly: one that an interrupt made its holder drop is not renewed, and expires.
        self._leases: weakref.WeakSet[RedisLease] = weakref.WeakSet()
        self._thread: threading.Thread | None = None

    def add(self, lease: RedisLease) -> None:
        """Renew a lease from now on."""
        with self._changed:
            self._leases.add(lease)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="pegboard-cache-leases", daemon=True)
                self._thread.start()

    def remove(self, lease: RedisLease) -> None:
        """Renew a lease no more."""
        with self._changed:
            self._leases.discard(lease)
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: not self._leases, self._every)
                if not self._leases:
                    self._thread = None
                    return
            self._renew_all()

    def _renew_all(self) -> None:
        """In a frame of its own: what it holds must not keep a lease that nobody else holds any more."""
        with self._changed:
            leases = list(self._leases)
        for lease in leases:
            self._renew(lease)

    def _renew(self, lease: RedisLease) -> None:
        try:
            kept = lease.renew()
        except Exception:  # noqa: BLE001 - the server is away, and may be back before the lease ends
            return
        if not kept:
            with self._changed:
                self._leases.discard(lease)


def take(client: Any, name: bytes, seconds: float, renewer: Renewer) -> RedisLease | None:
    """Set the key, unless it is there; None when it is."""
    lease = RedisLease(client, name, secrets.token_hex(16), seconds, renewer)
    if not client.set(name, lease._token, nx=True, px=_milliseconds(seconds)):  # noqa: SLF001 - made here
        return None
    renewer.add(lease)
    return lease


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))
