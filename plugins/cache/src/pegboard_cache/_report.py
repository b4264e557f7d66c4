"""What a cache has done, in counts and in warnings that come once."""

from __future__ import annotations

import logging

import attrs

from pegboard.parts import new_rlock

_logger = logging.getLogger("pegboard.cache")


@attrs.frozen
class Stats:
    """What `Caching.stats()` returns; the first six are counted since the plugin was made, or an installed session was forked.

    Attributes:
        hits: Calls answered without running the function, those included that waited for an equal call.
        misses: Calls that found no usable value.
        stored: Values that were kept.
        uncached: Calls with arguments that cannot be turned into a key; neither hits nor misses.
        unstorable: Values that could not be kept as they are.
        failures: Times that a store raised.
        entries, bytes, evicted, damaged: As the stores count them; see `Usage`.
    """

    hits: int = 0
    misses: int = 0
    stored: int = 0
    uncached: int = 0
    unstorable: int = 0
    failures: int = 0
    entries: int = 0
    bytes: int = 0
    evicted: int = 0
    damaged: int = 0


class Report:
    """Counts, from any thread; and logs each warning the first time that it is due."""

    def __init__(self) -> None:
        self._guard = new_rlock()
        self._counts: dict[str, int] = {}
        self._warned: set[str] = set()

    def begin_anew(self) -> None:
        """Begin at 0, in a forked child; what was said is said."""
        self._counts.clear()

    def count(self, what: str) -> None:
        """Add one to a field of `Stats`."""
        with self._guard:
            self._counts[what] = self._counts.get(what, 0) + 1

    def counts(self) -> dict[str, int]:
        """Return the counts so far."""
        with self._guard:
            return dict(self._counts)

    def failed(self, what: str, store: object, error: Exception) -> None:
        """Count that a store raised, and say so the first time."""
        self.count("failures")
        # The text of a stranger's error may show a value; that of the operating system does not.
        told = f"{type(error).__name__}: {error}" if isinstance(error, OSError) else type(error).__name__
        self.warn_once(
            f"{what} {id(store)}",
            f"the cache cannot {what} its {type(store).__name__}: {told}.\n"
            f"Tasks run and return as without a cache; further failures are only counted.",
        )

    def warn_once(self, about: str, message: str) -> None:
        """Log a warning, unless there was one about the same before."""
        with self._guard:
            if about in self._warned:
                return
            self._warned.add(about)
        _logger.warning("%s", message)
