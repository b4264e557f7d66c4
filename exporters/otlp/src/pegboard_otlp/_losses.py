"""What was not delivered: counted by reason, and said once for as long as it stays the same."""

from __future__ import annotations

import logging
from collections.abc import Callable

from pegboard.parts import after_fork, new_rlock

Tell = Callable[[str, str, int], None]

QUEUE_FULL = "queue_full"
EXPORT_FAILED = "export_failed"
DEADLINE = "deadline"
REJECTED = "rejected"
INVALID = "invalid"

_log = logging.getLogger("pegboard.otlp")


class Losses:
    """The items of one signal that did not reach the back end.

    Args:
        signal: Which.
        items: What they are called, as in `312 spans`.
        place: The back end's address, without credentials.
        tell: Called with signal, reason and number of what was lost, for the metric that counts it.
    """

    def __init__(self, signal: str, items: str, place: str, tell: Tell) -> None:
        self.items = items
        self.place = place
        self._signal = signal
        self._tell = tell
        self._why = ""
        self._said: set[str] = set()
        self._failure = ""
        self._begin_anew()
        after_fork(self._begin_anew)

    def _begin_anew(self) -> None:
        """Begin with none, also in a forked child: what the parent lost is the parent's to say."""
        self._guard = new_rlock()
        self._number = 0
        self._was_late = False

    @property
    def number(self) -> int:
        """How many there were."""
        return self._number

    def add(self, number: int, reason: str, why: str) -> None:
        """Count some more.

        Args:
            number: How many; none is no loss.
            reason: For the metric.
            why: For the log line, without credentials.
        """
        if number > 0:
            with self._guard:
                self._was_late |= reason == DEADLINE
                self._number += number
                self._why = why or self._why
            self._tell(self._signal, reason, number)

    def warn(self, reason: str, failure: str = "") -> None:
        """Say what was lost so far, if that is news; the end of the session says what it came to.

        Args:
            reason: As given to `add`; news the first time.
            failure: What went wrong with a request, in a word: news if the one before went well, or went wrong otherwise.
        """
        is_news = self._failure != failure if failure else reason not in self._said
        self._said.add(reason)
        self._failure = failure or self._failure
        if is_news and self._number:
            _log.warning("%s; further ones are counted, and told at the end", self._text(""))

    def arrived(self, remark: str = "") -> None:
        """Note that a request arrived, so that the next failure is news.

        Args:
            remark: What the back end says about it; said the first time.
        """
        self._failure = ""
        if remark and "remark" not in self._said:
            self._said.add("remark")
            _log.warning("otlp: %s takes the %s, and says: %s", self.place, self.items, remark)

    def sum_up(self, within: float) -> None:
        """Say what was lost in all, if anything was.

        Args:
            within: The seconds that the end of the session waited, said if that was not enough.
        """
        if self._number:
            _log.warning("%s", self._text(f" within {within:.1f} s" if self._was_late else ""))

    def _text(self, limit: str) -> str:
        items = self.items if self._number != 1 else self.items.removesuffix("s")
        why = f": {self._why}" if self._why else ""
        return f"otlp: {self._number} {items} not delivered to {self.place}{limit}{why}"
