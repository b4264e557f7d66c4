"""Questions to code of the user, each in a thread that it may keep: it can neither stop nor starve the schedule."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import Context
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import attrs

from pegboard.parts import after_fork, new_lock, time_for_work
from pegboard_schedule._errors import ScheduleError, TriggerTimeout

if TYPE_CHECKING:
    from pegboard_schedule._entry import Entry

Answer = TypeVar("Answer")
_log = logging.getLogger("pegboard.schedule")
_THREADS_MOST = 16  # that may still answer in time; one that is late counts no more
_IDLE = 10.0


@attrs.define(eq=False)
class Question:
    """What the trigger or condition of an entry is asked.

    Attributes:
        entry: Whose.
        kind: What is asked for: whether a condition holds, the times until now, or the next time after the clock was set.
        due: When the entry was due, jitter counted, in seconds since the epoch.
        first: The same without jitter.
        ask: Asks it.
        begun: When that began, by the monotonic clock.
        late: Whether it has not answered in time.
        answer: What it said.
        error: What it raised.
    """

    entry: Entry
    kind: Literal["condition", "times", "set"]
    due: float
    first: datetime
    ask: Callable[[], Any] = attrs.field(repr=False)
    begun: float | None = None
    late: bool = False
    answer: Any = None
    error: BaseException | None = None

    def put(self) -> None:
        """Ask, and keep what comes of it, whatever that is: in this thread nobody else is to hear of an exit."""
        try:
            self.answer = self.ask()
        except BaseException as error:  # noqa: BLE001
            self.error = error


def answer_in_time(ask: Callable[[], Answer], patience: float, key: str) -> Answer:
    """Ask a trigger for somebody who waits for it.

    Raises:
        TriggerTimeout: There is no answer within so many seconds; the thread goes on.
        ScheduleError: It raised what would end a program.
        Exception: Whatever else it raised.
    """
    found: Future[Answer] = Future()
    thread = threading.Thread(
        target=_keep_answer, args=(ask, found), name="pegboard-schedule-ask", daemon=True
    )
    thread.start()
    thread.join(patience)
    if not found.done():
        raise late_answer("trigger", key, patience)
    error = found.exception()
    if error is None:
        return found.result()
    if isinstance(error, Exception):
        raise error
    raise ScheduleError(
        f"the trigger of {key} raised {type(error).__name__}, which would end a program and says nothing of a time."
    ) from error


def _keep_answer(ask: Callable[[], Answer], found: Future[Answer]) -> None:
    try:
        found.set_result(ask())
    except BaseException as error:  # noqa: BLE001 - as in `Question.put`
        found.set_exception(error)


def late_answer(what: str, key: str, patience: float) -> TriggerTimeout:
    """Make the error of an entry that has not answered in time."""
    return TriggerTimeout(
        f"the {what} of {key} has not answered within {patience:g} s. The others go on, and it keeps a thread until it has.\n"
        f"Give what it waits for a limit, or the schedule more time: Scheduling(patience=...).",
        id=key,
        seconds=patience,
    )


class Asker:
    """Asks questions in threads of its own, and keeps the answers until they are taken.

    Args:
        context: In a copy of which each is asked.
        patience: Seconds that an answer may take.
        wake: Called when there is an answer.
    """

    def __init__(self, context: Context, patience: float, wake: Callable[[], object]) -> None:
        self.patience = patience
        self._context = context
        self._wake = wake
        self._begin_anew()
        after_fork(self._begin_anew)

    def _begin_anew(self) -> None:
        """Begin without threads, also in a forked child, where none came along."""
        self._changed = threading.Condition(new_lock())
        self._waiting: deque[Question] = deque()
        self._asked: dict[Question, threading.Thread] = {}
        self._answered: list[Question] = []
        self._alive: set[threading.Thread] = set()
        self._idle = 0
        self._threads = 0
        self._closed = False

    def ask(self, questions: list[Question]) -> None:
        """Ask; what they say is taken later."""
        if not questions:
            return
        with self._changed:
            self._waiting.extend(questions)
            self._changed.notify(len(questions))
            self._start_threads()

    def take_answered(self) -> list[Question]:
        """Return the questions that have an answer, each once."""
        with self._changed:
            answered, self._answered = self._answered, []
        return answered

    def take_late(self) -> list[Question]:
        """Return the questions whose answer is late, each once; other threads take over from those that it keeps."""
        deadline = monotonic() - self.patience
        with self._changed:
            late = [
                each
                for each in self._asked
                if not each.late and each.begun is not None and each.begun <= deadline
            ]
            for question in late:
                question.late = True
            self._threads -= len(late)
            self._start_threads()
        return late

    def seconds_to_late(self) -> float | None:
        """Return how long it is until an answer is late; None where none is awaited."""
        with self._changed:
            return self._seconds_to_late()

    def wait(self) -> bool:
        """Wait until there is an answer, or one is late; return False where none is awaited that is not late already."""
        with self._changed:
            while not self._answered:
                seconds = self._seconds_to_late()
                if seconds is None:
                    return False
                if seconds <= 0:
                    return True
                self._changed.wait(seconds)
            return True

    def close(self) -> None:
        """End the threads; those that are kept by a question end when it lets them go."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()
            asked, alive = dict(self._asked), self._alive - {threading.current_thread()}
        end = monotonic() + (time_for_work(self.patience) or 0.0)
        late = {thread for question, thread in asked.items() if question.late}
        for thread in alive - late:
            thread.join(max(end - monotonic(), 0.0))
        left = [question.entry.id for question, thread in asked.items() if thread.is_alive()]
        if left:
            _log.warning(
                "the schedule ends while %s has not answered; its thread goes on until it does",
                ", ".join(left),
            )

    def _seconds_to_late(self) -> float | None:
        begun = [each.begun for each in self._asked if not each.late and each.begun is not None]
        if begun:
            return min(begun) + self.patience - monotonic()
        return self.patience if self._waiting and not self._closed else None

    def _start_threads(self) -> None:
        while len(self._waiting) > self._idle and self._threads < _THREADS_MOST and not self._closed:
            thread = threading.Thread(target=self._work, name="pegboard-schedule-ask", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:  # no more threads are to be had
                if not self._threads:
                    self._refuse(error)
                return
            self._alive.add(thread)
            self._threads += 1
            self._idle += 1

    def _refuse(self, error: RuntimeError) -> None:
        while self._waiting:
            question = self._waiting.popleft()
            question.error = error
            self._answered.append(question)

    def _work(self) -> None:
        try:
            self._answer()
        finally:
            self._alive.discard(threading.current_thread())

    def _answer(self) -> None:
        while (question := self._next()) is not None:
            self._context.copy().run(question.put)
            with self._changed:
                self._asked.pop(question, None)  # or this is a child, which has asked nothing
                self._answered.append(question)
                self._changed.notify_all()
                if not question.late:
                    self._idle += 1
            self._wake()
            if question.late:
                return

    def _next(self) -> Question | None:
        """Wait for a question; None after a while without any."""
        with self._changed:
            if not self._waiting and not self._closed:
                self._changed.wait_for(lambda: self._waiting or self._closed, _IDLE)
            self._idle -= 1
            if not self._waiting:
                self._threads -= 1
                return None
            question = self._waiting.popleft()
            question.begun = monotonic()
            self._asked[question] = threading.current_thread()
            return question
