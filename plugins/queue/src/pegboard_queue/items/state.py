"""The ten states of an item, and which may follow which."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import MappingProxyType

from pegboard_queue._errors import IllegalTransition


class State(enum.StrEnum):
    """Where an item stands. A member is its name in lower case, so `State.READY == "ready"`.

    Attributes:
        PENDING: Made, and not yet submitted.
        WAITING: For items that it depends on.
        READY: For a free slot.
        RUNNING: Its task runs.
        RETRYING: Its task failed, and waits for the next attempt.
        PAUSED: Until `resume`.
        COMPLETED: It returned.
        FAILED: It raised; `retry` makes it ready again.
        CANCELLED: By `cancel`, or its coroutine was cancelled.
        SKIPPED: It never ran, as something that it depends on did not complete; `retry(..., dependants=True)` revives it.
    """

    PENDING = "pending"
    WAITING = "waiting"
    READY = "ready"
    RUNNING = "running"
    RETRYING = "retrying"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"

    __hash__ = str.__hash__  # an Enum's own is written in Python, and these are looked up for every item


_S = State

TRANSITIONS: Mapping[State, frozenset[State]] = MappingProxyType(
    {
        _S.PENDING: frozenset((_S.WAITING, _S.READY, _S.CANCELLED)),
        _S.WAITING: frozenset((_S.READY, _S.PAUSED, _S.CANCELLED, _S.SKIPPED)),
        _S.READY: frozenset((_S.WAITING, _S.RUNNING, _S.PAUSED, _S.CANCELLED)),
        _S.RUNNING: frozenset((_S.RETRYING, _S.PAUSED, _S.COMPLETED, _S.FAILED, _S.CANCELLED)),
        _S.RETRYING: frozenset((_S.RUNNING, _S.COMPLETED, _S.FAILED, _S.CANCELLED)),
        _S.PAUSED: frozenset((_S.WAITING, _S.READY, _S.CANCELLED, _S.SKIPPED)),
        _S.COMPLETED: frozenset(),
        _S.FAILED: frozenset((_S.READY,)),
        _S.CANCELLED: frozenset(),
        _S.SKIPPED: frozenset((_S.WAITING,)),
    }
)
"""Every legal change: what is not here raises `IllegalTransition`.

A running item is paused when its task suspends itself. A retry that ends within its wait (a deadline passed, say) fails or
completes without running again.
"""

ENDED = frozenset((_S.COMPLETED, _S.FAILED, _S.CANCELLED, _S.SKIPPED))
"""The states in which nothing more happens by itself."""


def illegal(item: str, state: State, wanted: State, why: str = "") -> IllegalTransition:
    """Say that an item cannot go from one state to another."""
    allowed = ", ".join(sorted(TRANSITIONS[state])) or "nothing: it stays so"
    return IllegalTransition(
        f"item {item!r} is {state}, and cannot become {wanted}{why and ': '}{why}.\nFrom {state} it may become {allowed}.",
        item=item,
        state=state,
        wanted=wanted,
    )
