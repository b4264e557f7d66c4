"""Turns of calls with a limit on executors that do not tell when a function begins."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future

from pegboard.parts import new_lock


class Turns:
    """As many calls at once as an executor has workers: a function that is handed over begins then, and so does its limit.

    Args:
        workers: How many.
    """

    def __init__(self, workers: int) -> None:
        self._guard = new_lock()
        self._free = workers
        self._waiting: deque[Future[None]] = deque()

    def ask(self) -> Future[None]:
        """Return what is over when it is the caller's turn; it is to be passed on, or cancelled before that."""
        turn: Future[None] = Future()
        with self._guard:
            self._free -= 1
            if self._free < 0:
                self._waiting.append(turn)
                return turn
        turn.set_result(None)
        return turn

    def pass_on(self, _: object = None) -> None:
        """Let the next one have its turn."""
        while True:
            with self._guard:
                self._free += 1
                turn = self._waiting.popleft() if self._waiting else None
            if turn is None:
                return
            if turn.set_running_or_notify_cancel():
                turn.set_result(None)
                return

    def give_up(self, turn: Future[None]) -> None:
        """Have a turn no more, whether it came or not."""
        if not turn.cancel():
            self.pass_on()
