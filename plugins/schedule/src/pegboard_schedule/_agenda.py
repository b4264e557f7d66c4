"""The entries of a schedule, and which of them are due."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Literal, TypeVar, cast

from pegboard.parts import after_fork, new_held_rlock
from pegboard_schedule import _checks
from pegboard_schedule._asking import Question, answer_in_time, late_answer
from pegboard_schedule._entry import Entry, Going
from pegboard_schedule._errors import ScheduleError, ScheduleStoreError, UnknownSchedule
from pegboard_schedule._heap import DueHeap
from pegboard_schedule._missed import passed_until, runs_of
from pegboard_schedule._records import Fault
from pegboard_schedule._set_clock import Standing, thought_over
from pegboard_schedule._trigger import later
from pegboard_schedule._watch import ClockWatch
from pegboard_schedule._when import When

if TYPE_CHECKING:
    from pegboard.clock import Clock
    from pegboard_schedule._asking import Asker
    from pegboard_schedule._records import Scheduled
    from pegboard_schedule._store import LastRuns
    from pegboard_schedule._trigger import Passed

Answer = TypeVar("Answer")
_log = logging.getLogger("pegboard.schedule")


class Agenda:
    """Knows the entries, and hands out the runs that are due; starts none.

    Code of the user is never run under the guard: conditions and triggers of one's own are asked by the asker.

    Attributes:
        guard: Held around every change of an entry.
    """

    def __init__(self, clock: Clock, store: LastRuns | None, seed: int | None, asker: Asker) -> None:
        self.guard = new_held_rlock()
        self._watch = ClockWatch(clock)
        self._store = store
        self._asker = asker
        self._random = random.SystemRandom() if seed is None else random.Random(seed)  # noqa: S311 - guards nothing
        self._heap = DueHeap()
        self._entries: dict[str, Entry] = {}
        self._numbers: dict[str, int] = {}
        self._added = 0
        self._faults: list[Fault] = []
        after_fork(self._begin_anew)

    def _begin_anew(self) -> None:
        """In a forked child: the entries are there; what goes on of them is the parent's."""
        self.guard = new_held_rlock()
        self._heap = DueHeap()
        for entry in list(self._entries.values()):
            entry.begin_anew()
            self._reschedule(entry)

    def new_id(self, name: str) -> str:
        """Return the name, or with a number if it is taken: the same ones in every process that adds in one order."""
        with self.guard:
            number = self._numbers[name] = self._numbers.get(name, 0) + 1
            return name if number == 1 else f"{name}#{number}"

    def add(self, entry: Entry, *, remembered: bool, with_others: bool = False) -> None:
        """Take an entry in; with a store, one that is `remembered` goes on from its last run.

        Args:
            entry: New.
            remembered: Whether a store keeps its last run.
            with_others: Whether it comes with others, which it may not stop: if its trigger fails it is paused.

        Raises:
            ScheduleError: Its id is taken.
            TriggerTimeout: Its trigger does not answer.
            Exception: Whatever else its trigger raises.
        """
        self._refuse_taken(entry)
        with self.guard:
            now = _moment(self._now())
        entry.stored = self._store is not None and remembered
        try:
            self._ask_at_once(entry, partial(self._begin, entry, now))
        except ScheduleStoreError:
            raise
        except Exception as error:
            if not with_others:
                raise
            entry.paused, entry.scheduled = True, entry.scheduled or now
            self._faults.append(Fault(entry.id, entry.task, "trigger", error, paused=True))
        with self.guard:
            self._refuse_taken(entry)
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
            entry, now = self._entry(key), _moment(self._now())
        if entry.paused:
            scheduled = self._ask_at_once(entry, lambda: _aware(entry.trigger.next(now)))
            with self.guard:
                entry.paused = False
                entry.scheduled = scheduled or entry.scheduled
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
        """Return the runs that are due, in that order; each is handed out once. Whoever has to be asked is asked."""
        with self.guard:
            now, taken = self._now(), []
            while (due := self._heap.first_due()) is not None and due <= now:
                taken.append(self._heap.pop())
            if not taken:
                return []
            moment = _moment(now)
            self._asker.ask([self._question(entry, moment) for entry in taken if not _answers_at_once(entry)])
            passed = [
                (entry, passed_until(entry.trigger, entry.scheduled, moment), entry.due)
                for entry in taken
                if _answers_at_once(entry) and entry.scheduled is not None
            ]
            return self._claimed(self._advance_all(passed, now))

    def take_answered(self) -> list[Going]:
        """Return the runs that come of what was asked, in the order in which they were due."""
        questions = self._asker.take_answered()
        if not questions:
            return []
        with self.guard:
            now, runs, passed = self._now(), [], []
            for question in questions:
                entry = question.entry
                if entry.question is question:  # and not one of an entry that was removed meanwhile
                    entry.question = None
                    if question.kind == "condition":
                        runs += self._condition_answered(question, now)
                    elif self._trigger_answered(question):
                        passed.append((entry, question.answer, question.due))
            runs += self._claimed(self._advance_all(passed, now))
        return sorted(runs, key=lambda each: (each.due, each.entry.order))

    def take_faults(self) -> list[Fault]:
        """Return what has gone wrong with triggers and conditions, each once."""
        late = self._asker.take_late()
        with self.guard:
            self._faults += [self._late(each) for each in late if each.entry.question is each]
            faults, self._faults = self._faults, []
        return faults

    def give_back(self, going: Going) -> None:
        """Let a run that never began be made up after a restart."""
        with self.guard:
            if self._store is None or not going.entry.stored:
                return
            if isinstance(going.entry.trigger, When):
                self._store.set_condition(going.entry.id, true=False)
            elif going.before is not None:
                self._store.give_back(going.entry.id, going.noted, going.before)

    def _now(self) -> float:
        now, jump = self._watch.look()
        if jump:
            self._clock_was_set(_moment(now), jump)
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

    def _refuse_taken(self, entry: Entry) -> None:
        if entry.id in self._entries:
            raise ScheduleError(
                f"there is an entry {entry.id!r} already. Give another id=, or remove({entry.id!r}) first."
            )

    def _ask_at_once(self, entry: Entry, ask: Callable[[], Answer]) -> Answer:
        """Ask a trigger for somebody who waits for the answer, as long as it may take."""
        return ask() if entry.trigger.is_prompt else answer_in_time(ask, self._asker.patience, entry.id)

    def _begin(self, entry: Entry, now: datetime) -> None:
        """Find when an entry is first due."""
        if self._store is not None and entry.stored:
            self._go_on(entry, self._store, now)
        else:
            entry.trigger = entry.trigger.begun(now)
            entry.scheduled = _aware(entry.trigger.first(now))

    def _go_on(self, entry: Entry, store: LastRuns, now: datetime) -> None:
        """Begin where the process before this one left off."""
        trigger = entry.trigger
        rule, baseline, most = trigger.rule, trigger.baseline(now), trigger.set_back_most()
        with self.guard:
            last, entry.was_true = store.last(entry.id, rule, baseline)
            if last - now > most and not isinstance(trigger, When):
                last = now  # noted by a clock that was far ahead
                store.set_last(entry.id, last)
        entry.last = last
        entry.trigger = trigger.begun(last)
        if not isinstance(trigger, When):
            entry.scheduled = _aware(entry.trigger.next(last))
        elif not (trigger.once and entry.was_true):  # else it has had its only run
            entry.scheduled = trigger.first(now)

    def _reschedule(self, entry: Entry) -> None:
        """Put an entry where its next time belongs; one without leaves."""
        if entry.scheduled is None:
            self._leave(entry)
            return
        self._entries[entry.id] = entry
        jitter = entry.trigger.jitter
        entry.due = entry.scheduled.timestamp() + (self._random.random() * jitter if jitter else 0.0)
        if not entry.paused and entry.question is None:
            self._heap.put(entry)

    def _leave(self, entry: Entry) -> None:
        self._entries.pop(entry.id, None)
        entry.question = None
        self._heap.forget(entry)

    def _advance_all(self, due: list[tuple[Entry, Passed, float]], now: float) -> list[list[Going]]:
        """Move entries on to their next times, say which of them missed runs, and return the runs of each."""
        behind, found = [], []
        for entry, passed, began in due:
            before, missed = entry.last, entry.missed
            entry.scheduled, entry.last = passed.following, passed.last
            self._reschedule(entry)
            runs = runs_of(entry, passed, before, began, now)
            if not runs and entry.stored and self._store is not None:
                self._store.claim([(entry.id, passed.last)])
            found.append(runs)
            if entry.missed > missed and not entry.is_behind:
                behind.append((entry.id, entry.missed - missed))
            entry.is_behind = entry.missed > missed
        if behind:  # one line, also after a pause in which thousands were due
            runs_missed = sum(number for _, number in behind)
            _log.warning(
                "%d entries missed runs, among them %s; %d are dropped",
                len(behind),
                behind[0][0],
                runs_missed,
            )
        return found

    def _question(self, entry: Entry, now: datetime) -> Question:
        trigger, first = entry.trigger, entry.scheduled or now
        if isinstance(trigger, When):
            entry.question = Question(entry, "condition", entry.due, first, partial(_condition, trigger, now))
        else:
            entry.question = Question(
                entry, "times", entry.due, first, partial(passed_until, trigger, first, now)
            )
        return entry.question

    def _trigger_answered(self, question: Question) -> bool:
        """Take what a trigger of the user's own answered; whether these are times that may be run."""
        entry = question.entry
        if question.error is not None:
            entry.paused = True
            self._faults.append(Fault(entry.id, entry.task, "trigger", question.error, paused=True))
            return False
        if question.kind == "times" and not entry.paused:
            return True
        if question.kind == "times":
            entry.scheduled = question.answer.following
        else:
            self._stand(entry, question.answer)
        self._reschedule(entry)
        return False

    def _condition_answered(self, question: Question, now: float) -> list[Going]:
        """Take what a condition said; a run if it became true."""
        entry, trigger = question.entry, question.entry.trigger
        if question.error is not None:
            fault = Fault(entry.id, entry.task, "condition", question.error, is_new=not entry.has_failed)
            self._faults.append(fault)
        entry.has_failed = question.error is not None
        moment = _moment(now)
        answer, following = question.answer or (None, moment + cast("When", trigger).every)
        becomes_true = answer is not None and not entry.paused and self._changed(entry, answer) and answer
        entry.scheduled = max(following, moment)  # at once, where the answer took long
        if entry.was_true and not entry.paused and isinstance(trigger, When) and trigger.once:
            entry.scheduled = None
        self._reschedule(entry)
        if not becomes_true:
            return []
        before, entry.last = entry.last, moment
        return [Going(entry, question.first, question.due, before, question.first)]

    def _changed(self, entry: Entry, answer: bool) -> bool:
        """Note what a condition said, and return whether that is news, for other processes too."""
        changed, entry.was_true = answer != entry.was_true, answer
        if changed and self._store is not None and entry.stored:
            return self._store.set_condition(entry.id, true=answer)  # or another process was quicker
        return changed

    def _late(self, question: Question) -> Fault:
        entry = question.entry
        what: Literal["condition", "trigger"] = "condition" if question.kind == "condition" else "trigger"
        return Fault(entry.id, entry.task, what, late_answer(what, entry.id, self._asker.patience))

    def _claimed(self, found: list[list[Going]]) -> list[Going]:
        """Leave out what another process with the same store was quicker to take."""
        mine = [(runs[-1].entry.id, runs[-1].noted) for runs in found if runs and runs[-1].entry.stored]
        if self._store is not None and mine:
            won = self._store.claim(mine)
            found = [
                runs for runs in found if runs and (not runs[-1].entry.stored or runs[-1].entry.id in won)
            ]
        return [going for runs in found for going in runs]

    def _clock_was_set(self, now: datetime, jump: float) -> None:
        """Think all entries over."""
        _log.warning("the clock was set by %+.0f s", jump)
        asked = []
        for entry in list(self._entries.values()):
            self._heap.forget(entry)
            standing = Standing(entry.trigger, entry.scheduled, entry.last)
            think = partial(thought_over, standing, now, jump)
            if entry.question is not None:
                continue  # it is asked already
            if entry.trigger.is_prompt:
                self._stand(entry, think())
            elif isinstance(entry.trigger, When):
                entry.scheduled = now
            else:
                entry.question = Question(entry, "set", entry.due, now, think)
                asked.append(entry.question)
            self._reschedule(entry)
        self._asker.ask(asked)

    def _stand(self, entry: Entry, standing: Standing) -> None:
        last, (entry.trigger, entry.scheduled, entry.last) = entry.last, standing
        if entry.stored and self._store is not None and entry.last is not None and entry.last != last:
            self._store.set_last(entry.id, entry.last)


def _answers_at_once(entry: Entry) -> bool:
    return entry.trigger.is_prompt and not isinstance(entry.trigger, When)


def _condition(trigger: When, now: datetime) -> tuple[bool, datetime]:
    """Ask a condition, and when to ask it again."""
    answer = bool(trigger.condition())
    return answer, later(trigger.next(now), now) or now + trigger.every


def _aware(time: datetime | None) -> datetime | None:
    """Refuse what a trigger of the user's own returned for a time."""
    return None if time is None else _checks.aware("what a trigger returns", time)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
