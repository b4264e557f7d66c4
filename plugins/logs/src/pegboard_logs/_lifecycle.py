"""Log lines about the calls themselves, without any input or result."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import TYPE_CHECKING

from pegboard import hookimpl
from pegboard.privacy import loggable
from pegboard.records import error_type
from pegboard.texts import without_control
from pegboard_logs._ids import ids_of

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
    # Part of the message's template: who groups records by that, such as Sentry, groups by task and class of the error.
    name = _in_template(task.name)
    observers = SimpleNamespace()

    def on_retry(call: Call, attempt: int, error: Exception, delay: float, ran: bool) -> None:
        kind = error_type(error)
        how = "failed" if ran else "did not begin, a layer failed"
        text = f"task {name}: attempt %d {how} with {_in_template(kind)}, the next begins in %.3f s"
        logger.warning(
            text, attempt, delay,
            extra={**ids_of(call), "error_type": without_control(kind), "retry_delay": delay},
        )  # fmt: skip

    def after_execute(call: Call, outcome: Outcome) -> None:
        level = _level(call, outcome)
        if level < threshold or not logger.isEnabledFor(level):
            return
        kind = error_type(outcome.error)
        how = _WORDS.get(outcome.status, f"was {outcome.status}")
        text = f"task {name} {how}{_with(kind)} after %.6f s, %s"
        logger.log(
            level, text, outcome.duration, _by_what(outcome),
            exc_info=loggable(outcome.error, call) if outcome.error and level == logging.ERROR else None,
            extra={**ids_of(call), **_facts(outcome, without_control(kind))},
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


def _in_template(text: str) -> str:
    return without_control(text).replace("%", "%%")


def _with(kind: str) -> str:
    return f" with {_in_template(kind)}" if kind else ""


def _by_what(outcome: Outcome) -> str:
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
