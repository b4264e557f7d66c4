"""A store as one task uses it: a failure in it is a miss, and no more than that."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any

from pegboard.records import SERVED_FROM
from pegboard_cache._store import Entry, Origin, Store, Unstorable
from pegboard_cache.stores.encoded import EncodedStore

if TYPE_CHECKING:
    from pegboard import Call, Session, Task
    from pegboard_cache._report import Report

_FOR_EVER = float("inf")


class TaskValues:
    """Looks up and keeps the values of one task.

    Attributes:
        store: Where they are.
        place: What two shelves have in common whose entries are the same.
    """

    def __init__(
        self,
        store: Store,
        place: Hashable,
        task: Task[..., Any],
        ttl: float | None,
        session: Session,
        report: Report,
    ) -> None:
        self.store = store
        self.place = place
        self._task = task.name
        self._ttl = ttl
        self._clock = session.clock.time
        self._put = _checked_put(store, session.masks) if isinstance(store, EncodedStore) else store.put
        self._report = report

    def finder(self) -> Callable[[str], Entry | None]:
        """Make the function that gives a fresh entry by key, or None; it never raises an Exception."""
        get, now, ttl = self.store.get, self._clock, _FOR_EVER if self._ttl is None else self._ttl

        def find(key: str) -> Entry | None:
            try:
                entry = get(key)
                if entry is None:
                    return None
                _, stored_at, own, _ = entry
                limit = ttl if own is None or ttl < own else own
                return entry if 0.0 <= now() - stored_at < limit else None
            except Exception as error:  # noqa: BLE001 - the store's failure is not the task's
                self._report.failed("read", self.store, error)
                return None

        return find

    async def keep(self, call: Call, key: str, value: Any) -> None:
        """Store a value; what goes wrong is counted and logged once, and never reaches the task."""
        entry = Entry(value, self._clock(), self._ttl, origin_of(call))
        try:
            if self.store.blocking:
                await call.io(self._put, key, entry)
            else:
                self._put(key, entry)
        except Unstorable as reason:
            self.unstorable(str(reason))
        except Exception as error:  # noqa: BLE001 - as above
            self._report.failed("write", self.store, error)
        else:
            self._report.count("stored")

    def unstorable(self, reason: str) -> None:
        """Count a value that cannot be kept, and say why, once."""
        self._report.count("unstorable")
        self._report.warn_once(
            f"unstorable {self._task}",
            f"what task {self._task!r} returned is not kept, and the next call runs it again: {reason}.",
        )


def _checked_put(store: EncodedStore, masks: Any) -> Callable[[str, Entry], None]:
    """Make a `put` that leaves values with a known secret in them out of the store."""

    def put(key: str, entry: Entry) -> None:
        frame = store.encode(key, entry)
        if masks.found_in(frame):
            raise Unstorable("it holds the value of a known secret, which is not written anywhere")
        store.write(key, frame, entry.ttl)

    return put


def origin_of(call: Call) -> Origin | None:
    """Return the ids of a call's span, if it is one that is kept."""
    if not call.sampled:  # most often as nobody traces
        return None
    trace_id, span_id = call.trace_id, call.span_id
    return (trace_id, span_id) if trace_id and span_id else None


def note(call: Call, origin: Origin | None) -> None:
    """Tell on a hit which span computed the value; when nobody traces the hit, nobody asks."""
    if origin is not None and call.sampled:
        call.state[SERVED_FROM] = origin
