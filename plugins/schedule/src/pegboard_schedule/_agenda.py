"""The entries of a schedule, and which of them are due."""

from __future__ import annotations

import logging
import random
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pegboard_schedule._entry import Entry, Going
from pegboard_schedule._errors import ScheduleError, UnknownSchedule
from pegboard_schedule._heap import DueHeap
from pegboard_schedule._missed import times_until, to_run
from pegboard_schedule._watch import ClockWatch
from pegboard_schedule._when import When

if TYPE_CHECKING:
    from pegboard.clock import Clock
    from pegboard_schedule._records import Scheduled
    from pegboard_schedule._store import LastRuns

_log = logging.getLogger("pegboard.schedule")


class Agenda:
    """Knows the entries, and hands out the runs that are due; starts none.

    Attributes:
        guard: Held around every change of an entry.
    """

    def __init__(self, clock: Clock, store: LastRuns | None, seed: int | None) -> None:
        self.guard = threading.RLock()
        self._watch = ClockWatch(clock)
        self._store = store
        self._random = random.Random(seed)  # noqa: S311 - spreads load, and guards nothing
        self._heap = DueHeap()
        self._entries: dict[str, Entry] = {}
        self._numbers: dict[str, int] = {}
        self._added = 0

    def new_id(self, name: str) -> str:
        """Return the name, or with a number if it is taken: the same ones in every process that adds in one order."""
        with self.guard:
            number = self._numbers[name] = self._numbers.get(name, 0) + 1
            return name if number == 1 else f"{name}#{number}"

    def add(self, entry: Entry, *, remembered: bool) -> None:
        """Take an entry in; with a store, one that is `remembered` goes on from its last run.

        Raises:
            ScheduleError: Its id is taken.
        """
        with self.guard:
            if entry.id in self._entries:
                raise ScheduleError(
                    f"there is an entry {entry.id!r} already. Give another id=, or remove({entry.id!r}) first."
                )
            now = _moment(self._now())
            if self._store is not None and remembered:
                entry.stored = True
                self._go_on(entry, self._store, now)
            else:
                entry.trigger = entry.trigger.begun(now)
                entry.scheduled = entry.trigger.first(now)
            entry.order = self._added
            self._added += 1
            self._reschedule(entry)

    def remove(self, key: str) -> Entry:
        """Take an entry out, and forget its last run."""
        with self.guard:
            entry = self._entry(key)
            self._leave(entry)
            if self._store is not None and entry.stored:
                self._store.remove(key)
            return entry

    def pause(self, key: str) -> None:
        """Let an entry be due no more until it is resumed."""
        with self.guard:
            entry = self._entry(key)
            entry.paused = True
            self._heap.forget(entry)

    def resume(self, key: str) -> None:
        """Let an entry be due again, from now on; one whose only time has gone by is due at once."""
        with self.guard:
            entry = self._entry(key)
            if entry.paused:
                entry.paused = False
                entry.scheduled = entry.trigger.next(_moment(self._now())) or entry.scheduled
                self._reschedule(entry)

    def records(self) -> list[Scheduled]:
        """Return all entries, the next first and the paused ones last."""
        with self.guard:
            entries = sorted(self._entries.values(), key=lambda each: (each.paused, each.due, each.order))
            return [entry.record() for entry in entries]

    def clear(self) -> None:
        """Forget all entries; their last runs stay stored."""
        with self.guard:
            self._entries.clear()
            self._numbers.clear()
            self._heap.clear()
            if self._store is not None:
                self._store.close()

    def seconds_to_next(self) -> float | None:
        """Return how long it is until an entry is due, 0 or less if one is; None without entries."""
        with self.guard:
            due = self._heap.first_due()
            return None if due is None else due - self._watch.clock.time()

    def take_due(self) -> list[Going]:
        """Return the runs that are due, in that order; each is handed out once."""
        with self.guard:
            now, taken = self._now(), []
            while (due := self._heap.first_due()) is not None and due <= now:
                taken.append(self._heap.pop())
            if not taken:
                return []
            before = [entry.missed for entry in taken]
            found = [(entry, self._advance(entry, now)) for entry in taken]
            late = [entry for entry, missed in zip(taken, before, strict=True) if entry.missed > missed]
        if late:  # one line, also after a pause in which thousands were due
            _log.warning("%d entries missed runs, among them %s", len(late), late[0].id)
        found = [(entry, runs) for entry, runs in found if runs and self._comes_true(entry)]
        return self._claimed(found)

    def give_back(self, going: Going) -> None:
        """Let a run that never began be made up after a restart."""
        with self.guard:
            if self._store is None or not going.entry.stored:
                return
            if isinstance(going.entry.trigger, When):
                self._store.set_condition(going.entry.id, true=False)
            elif going.before is not None:
                self._store.give_back(going.entry.id, going.scheduled, going.before)

    def _now(self) -> float:
        now, jump = self._watch.look()
        if jump:
            self._clock_was_set(now, jump)
        return now

    def _entry(self, key: str) -> Entry:
        entry = self._entries.get(key)
        if entry is None:
            raise UnknownSchedule(
                f"there is no entry {key!r}: it was never added, was removed, or has run for the last time. "
                f"scheduled() lists those that there are.",
                id=key,
            )
        return entry

    def _go_on(self, entry: Entry, store: LastRuns, now: datetime) -> None:
        """Begin where the process before this one left off."""
        trigger = entry.trigger
        last, entry.was_true = store.last(entry.id, trigger.rule, trigger.baseline(now))
        if last - now > trigger.set_back_most() and not isinstance(trigger, When):
            last = now  # noted by a clock that was far ahead
            store.set_last(entry.id, last)
        entry.last = last
        entry.trigger = trigger.begun(last)
        entry.scheduled = entry.trigger.next(last)
        if isinstance(trigger, When):
            entry.scheduled = trigger.first(now)

    def _reschedule(self, entry: Entry) -> None:
        """Put an entry where its next time belongs; one without leaves."""
        if entry.scheduled is None:
            self._leave(entry)
            return
        self._entries[entry.id] = entry
        jitter = entry.trigger.jitter
        entry.due = entry.scheduled.timestamp() + (self._random.random() * jitter if jitter else 0.0)
        if not entry.paused:
            self._heap.put(entry)

    def _leave(self, entry: Entry) -> None:
        self._entries.pop(entry.id, None)
        self._heap.forget(entry)

    def _advance(self, entry: Entry, now: float) -> list[Going]:
        """Move an entry on to its next time, and return the runs that are due before that."""
        first, due, before = entry.scheduled, entry.due, entry.last
        if first is None:
            return []
        try:
            times, entry.scheduled = times_until(entry.trigger, first, _moment(now))
        except Exception:  # noqa: BLE001 - of a trigger that the user wrote; one of them stops no other
            _log.exception("the trigger of %s failed, so it is paused", entry.id)
            entry.paused = True
            return []
        self._reschedule(entry)
        asks = isinstance(entry.trigger, When)
        if not asks:
            entry.last = times[-1]
        lateness = now - (due if len(times) == 1 else times[-1].timestamp())
        chosen = times[-1:] if asks else to_run(entry.trigger, times, lateness)
        if len(chosen) < len(times) and not asks:
            entry.missed += len(times) - len(chosen)
        if not chosen and entry.stored and self._store is not None:
            self._store.claim([(entry.id, times[-1])])
        befores = [before, *chosen]
        return [
            Going(entry, time, due if len(times) == 1 else time.timestamp(), earlier, made_up=len(chosen) > 1)
            for time, earlier in zip(chosen, befores, strict=False)
        ]

    def _comes_true(self, entry: Entry) -> bool:
        """Ask the condition of an entry that has one, without the lock; whether it became true."""
        trigger = entry.trigger
        if not isinstance(trigger, When):
            return True
        try:
            answer = bool(trigger.condition())
        except Exception as error:  # noqa: BLE001 - logged, and asked again
            _log.error("the condition of %s failed with %s", entry.id, type(error).__name__, exc_info=error)
            return False
        with self.guard:
            changed, entry.was_true = answer != entry.was_true, answer
            if changed and self._store is not None and entry.stored:
                changed = self._store.set_condition(entry.id, true=answer)  # or another process was quicker
            if changed and answer:
                entry.last = _moment(self._watch.clock.time())
        return changed and answer

    def _claimed(self, found: list[tuple[Entry, list[Going]]]) -> list[Going]:
        """Leave out what another process with the same store was quicker to take."""
        timed = {entry for entry, _ in found if entry.stored and not isinstance(entry.trigger, When)}
        mine = [(entry.id, runs[-1].scheduled) for entry, runs in found if entry in timed]
        if self._store is not None and mine:
            with self.guard:
                won = self._store.claim(mine)
            found = [(entry, runs) for entry, runs in found if entry not in timed or entry.id in won]
        return [going for _, runs in found for going in runs]

    def _clock_was_set(self, now: float, jump: float) -> None:
        """Think all entries over."""
        _log.warning("the clock was set by %+.0f s", jump)
        moment = _moment(now)
        for entry in list(self._entries.values()):
            self._heap.forget(entry)
            shifted = entry.trigger.shifted(jump)
            if shifted is not None:
                _shift(entry, shifted, jump)
            elif jump < 0 and entry.scheduled is not None and entry.scheduled > moment:
                _think_over(entry, moment)
            if entry.stored and self._store is not None and jump < 0 and entry.last is not None:
                self._store.set_last(entry.id, entry.last)
            self._reschedule(entry)


def _shift(entry: Entry, trigger: object, jump: float) -> None:
    by = timedelta(seconds=jump)
    entry.trigger = trigger  # type: ignore[assignment]
    entry.scheduled = entry.scheduled + by if entry.scheduled is not None else None
    entry.last = entry.last + by if entry.last is not None else None


def _think_over(entry: Entry, now: datetime) -> None:
    """Find the next time after the clock was set back; those of a while ago do not come again."""
    last = entry.last
    if last is not None and timedelta(0) < last - now <= entry.trigger.set_back_most():
        return
    if last is not None and last > now:
        entry.last = now
    entry.scheduled = entry.trigger.next(now) or entry.scheduled


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
