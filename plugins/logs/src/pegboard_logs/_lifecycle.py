"""Log lines about the calls themselves, without any value."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import TYPE_CHECKING

from pegboard import hookimpl
from pegboard.records import error_type
from pegboard.texts import without_control

if TYPE_CHECKING:
    from pegboard import Call, Outcome, Task
    from pegboard.records import Status

LOGGER = "pegboard.task"
_LEVELS: dict[Status, int] = {
    "ok": logging.DEBUG,
    "closed": logging.DEBUG,
    "suspended": logging.INFO,
    "cancelled": logging.INFO,
    "error": logging.ERROR,
}
_WORDS: dict[Status, str] = {"ok": "ended", "error": "failed", "suspended": "was suspended"}


def lifecycle_observers(task: Task[..., object], threshold: int) -> SimpleNamespace:
    """Make the observers of one task that write lines of at least the level `threshold`."""
    logger = logging.getLogger(LOGGER)
    name = without_control(task.name)
    observers = SimpleNamespace()

    def on_retry(attempt: int, error: Exception, delay: float, ran: bool) -> None:
        kind = without_control(error_type(error))
        how = "failed" if ran else "did not begin, a layer failed"
        logger.warning(
            "task %s: attempt %d %s with %s, the next begins in %.3f s", name, attempt, how, kind, delay,
            extra={"error_type": kind, "retry_delay": delay},
        )  # fmt: skip

    def after_execute(call: Call, outcome: Outcome) -> None:
        level = _level(call, outcome)
        if level < threshold or not logger.isEnabledFor(level):
            return
        kind = without_control(error_type(outcome.error))
        logger.log(
            level, "task %s %s%s after %.6f s, %s", name, _WORDS.get(outcome.status, f"was {outcome.status}"),
            f" with {kind}" if kind else "", outcome.duration, _how(outcome),
            extra=_facts(outcome, kind),
        )  # fmt: skip

    observers.after_execute = hookimpl(after_execute)
    if threshold <= logging.WARNING:
        observers.on_retry = hookimpl(on_retry)
    return observers


def _level(call: Call, outcome: Outcome) -> int:
    """Choose the level of a call's end: a failure that a call around it sees is a warning, since that one may deal with it."""
    if outcome.status == "error" and call.parent is not None:
        return logging.WARNING
    if outcome.source == "fallback":
        return logging.INFO
    return _LEVELS[outcome.status]


def _how(outcome: Outcome) -> str:
    if outcome.source != "run":
        return f"from {outcome.source}"
    return f"{outcome.attempts} attempt{'' if outcome.attempts == 1 else 's'}"


def _facts(outcome: Outcome, kind: str) -> dict[str, object]:
    facts: dict[str, object] = {
        "status": outcome.status,
        "source": outcome.source,
        "attempts": outcome.attempts,
        "duration": outcome.duration,
    }
    return facts | {"error_type": kind} if kind else facts
