"""The observers of one task, with everything they need bound to them."""

from __future__ import annotations

from math import nan
from time import thread_time
from types import SimpleNamespace
from typing import TYPE_CHECKING

from pegboard import hookimpl
from pegboard_resources._usage import PENDING_MOST

if TYPE_CHECKING:
    from pegboard import Call, Outcome
    from pegboard_resources._growth import GrowthLimit
    from pegboard_resources._tracker import Tracker
    from pegboard_resources._usage import Tally


def bind_observers(
    tally: Tally,
    tracker: Tracker,
    running: dict[Call, None],
    limit: GrowthLimit | None,
    *,
    timed: bool,
    measured: bool,
) -> object:
    """Make the observers of one task.

    Args:
        tally: Where to record.
        tracker: Follows calls while memory is measured.
        running: The calls that run now.
        limit: Growth to warn of.
        timed: Whether CPU time can be known: the body runs in one thread and is never suspended.
        measured: Whether memory is measured.
    """
    spent: dict[Call, float] = {}
    pending, fold = tally.pending, tally.fold
    append, end, take = pending.append, running.pop, spent.pop

    def before_execute(call: Call) -> None:
        running[call] = None
        if tracker.on:
            tracker.begin(call, measured=measured)

    def before_attempt(call: Call) -> None:
        # Within a limit the function may run in another thread, and some run in another process: nobody here can read their time.
        unknown = call.is_remote or call.time_left is not None
        spent[call] = nan if unknown else spent.get(call, 0.0) - thread_time()

    def after_attempt(call: Call) -> None:
        spent[call] += thread_time()

    def after_execute(call: Call, outcome: Outcome) -> None:
        end(call, None)
        memory = tracker.end(call) if tracker.on else None
        cpu = take(call, 0.0) if timed else nan
        append((outcome.status == "error", outcome.duration, cpu, memory))
        if len(pending) > PENDING_MOST:
            fold(wait=False)
        if memory is not None and limit is not None:
            limit.ended(call, memory)

    observers = [before_execute, after_execute, *((before_attempt, after_attempt) if timed else ())]
    return SimpleNamespace(**{observer.__name__: hookimpl(observer) for observer in observers})
