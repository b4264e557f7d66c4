"""A store on a Redis server, for processes on several machines."""

from __future__ import annotations

import importlib.util
import math
import re
from collections.abc import Iterator
from hashlib import sha256
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from pegboard import ConfigError
from pegboard_cache._store import Usage
from pegboard_cache.locks.redis_lease import RedisLease, Renewer, take
from pegboard_cache.stores.encoded import EncodedStore, as_text
from pegboard_cache.stores.prompt_redis import PromptRedis

PREFIX = "pegboard:cache:"
LEASE_SECONDS = 10.0
_TTL_MOST = 3e9  # what is kept longer than a century needs no end
_BATCH = 1000
_GLOB = re.compile(rb"[\\*?\[\]]")


class RedisStore(EncodedStore):
    """Keeps encoded values on a Redis server, which removes them when their ttl is over.

    Threads share connections; an async task asks in a thread, whatever its event loop. A server is waited for four times
    as long as it took of late, and at least 15 ms; for the first answer 0.25 s. One that does not answer by then is left
    alone until a thread had an answer from it, so that it does not hold up every call. There is no limit of
    size but the server's own: give that a `maxmemory` and a `maxmemory-policy`. Counting and clearing look through
    every key of the database.

    Args:
        url: `redis://`, `rediss://` (TLS) or `unix://`, as redis-py takes it, options included; `?prefix=` sets the
            prefix. No connection is made before the first value is looked up.
        prefix: What every key on the server begins with.
        pickle_key: Signs pickles of values that cannot be kept otherwise; None refuses those values.
        lease: Seconds after which a process that died while it computed a value of `Cache(lock=True)` no longer
            holds up the others; a living one renews its lease three times as often.

    Raises:
        ConfigError: redis-py is not installed, or the URL cannot be read.
    """

    def __init__(
        self,
        url: str,
        *,
        prefix: str | None = None,
        pickle_key: bytes | None = None,
        lease: float = LEASE_SECONDS,
    ) -> None:
        if type(lease) not in {int, float} or not 0.05 <= lease < math.inf:
            raise ValueError(f"lease is a number of seconds of at least 0.05, not {lease!r}.")
        address, asked = _split(url)
        chosen = prefix if prefix is not None else asked if asked is not None else PREFIX
        super().__init__((_place(address), chosen), pickle_key)
        self.prefix = chosen
        self._prompt = PromptRedis(lambda seconds: _client(address, seconds))
        self._start = as_text(f"{chosen}v:").encode()
        self._locks = as_text(f"{chosen}l:").encode()
        self._lease = lease
        self._renewer = Renewer(lease / 3)

    def __repr__(self) -> str:
        return f"<RedisStore {self.prefix}>"

    def read(self, key: str) -> bytes | None:
        """Return the bytes kept for `key`, if any."""
        frame: bytes | None = self._prompt.get(self._name(key))
        return frame

    def write(self, key: str, frame: bytes, ttl: float | None) -> None:
        """Keep bytes for `key`; the server removes them after `ttl` seconds.

        Raises:
            redis.RedisError: They cannot be written.
        """
        limit = None if ttl is None or ttl > _TTL_MOST else max(1, math.ceil(ttl * 1000))
        self._prompt.set(self._name(key), frame, px=limit)

    def delete(self, key: str) -> bool:
        """Remove an entry; say whether there was one."""
        return bool(self._prompt.patient.unlink(self._name(key)))

    def clear(self, prefix: str = "") -> int:
        """Remove every entry whose key begins with `prefix`; say how many."""
        return sum(self._prompt.patient.unlink(*names) for names in self._names(prefix))

    def usage(self) -> Usage:
        """Count what is there: the bytes of the entries, without what the server needs beside them."""
        entries = size = 0
        for names in self._names(""):
            with self._prompt.patient.pipeline(transaction=False) as pipeline:
                for name in names:
                    pipeline.strlen(name)
                lengths = [length for length in pipeline.execute() if length]
            entries += len(lengths)
            size += sum(lengths)
        return Usage(entries, size, damaged=self._damaged)

    def lease(self, key: str) -> RedisLease | None:
        """Become the one process that computes `key`; None while another one is."""
        name = self._locks + sha256(as_text(key).encode()).hexdigest().encode()
        return take(self._prompt, name, self._lease, self._renewer)

    def close(self) -> None:
        """Close the connections; they are opened again when they are needed."""
        self._prompt.close()

    def _name(self, key: str) -> bytes:
        return self._start + as_text(key).encode()

    def _names(self, prefix: str) -> Iterator[tuple[bytes, ...]]:
        """The server's names of all entries that begin so, in batches; each one once."""
        pattern = _GLOB.sub(rb"\\\g<0>", self._name(prefix)) + b"*"
        found = iter(
            set(self._prompt.patient.scan_iter(match=pattern, count=_BATCH))
        )  # a scan may find one twice
        while names := tuple(islice(found, _BATCH)):
            yield names


def _split(url: str) -> tuple[str, str | None]:
    """Take the prefix out of a URL."""
    parts = urlsplit(url)
    query = parse_qsl(parts.query, keep_blank_values=True)
    prefix = dict(query).get("prefix")
    left = urlencode([pair for pair in query if pair[0] != "prefix"])
    return parts._replace(query=left).geturl(), prefix


def _place(url: str) -> str:
    """The address without password and options."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _client(url: str, seconds: float) -> Any:
    if importlib.util.find_spec("redis") is None:
        raise ConfigError(
            "a store on a Redis server needs the package redis, which is not installed.\n"
            "Install it: pip install 'pegboard[cache-redis]'.",
            where="cache",
            key="store",
        )
    from redis import Redis, exceptions
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    try:
        client = Redis.from_url(
            url,
            socket_timeout=seconds,  # what the URL says comes before it
            socket_connect_timeout=seconds,
            # Once more for a connection that the server has closed; what does not answer stays a miss.
            retry=Retry(NoBackoff(), 1, supported_errors=(exceptions.ConnectionError,)),
        )
        client.connection_pool.make_connection()  # not connected: refuses options that redis-py does not know
    except (ValueError, TypeError):  # not chained: the text may show the password
        raise ConfigError(
            "store is a URL that redis-py cannot read, or has an option that it does not know.\n"
            "Write redis://host:6379/0, or rediss:// for TLS.",
            where="cache",
            key="store",
        ) from None
    return client
