"""A budget of retries that several tasks share."""

from __future__ import annotations

import threading
from typing import Any

import attrs

from pegboard_retry._backoff import seconds


def _retries(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if type(value) is not int:
        raise TypeError(f"{attribute.name} is a whole number, not {value!r}.")
    if value < 1:
        raise ValueError(f"{attribute.name} is at least 1, not {value}: with none, leave the retries off.")


def _ratio(instance: object, attribute: attrs.Attribute[Any], value: float) -> None:
    seconds(0)(instance, attribute, value)
    if value > 1:
        raise ValueError(f"{attribute.name} is a share of the calls, from 0 to 1, not {value!r}.")


@attrs.define(eq=False)
class RetryBudget:
    """Keeps retries from making an outage worse: when most calls fail, it is soon used up, and errors leave at once.

    It begins with `retries` of them. Each retry takes one; each call that succeeds gives `ratio` of one back, up to
    `retries`. So in the long run at most that share of the calls is retried. Safe for threads; give one object to the
    tasks that call the same service, which then share it: `Retry(3, budget=payments)`.

    Attributes:
        retries: How many retries in a row the budget holds.
        ratio: What a success gives back, in retries.
        seconds: Within how many seconds of a call's first attempt its last retry has to begin; None for no limit.

    Source: retry throttling as in gRPC's proposal A6 and Finagle's RetryBudget.
    """

    retries: int = attrs.field(default=10, validator=_retries, on_setattr=attrs.setters.frozen)
    ratio: float = attrs.field(default=0.1, validator=_ratio, on_setattr=attrs.setters.frozen)
    seconds: float | None = attrs.field(
        default=None,
        validator=attrs.validators.optional(seconds(0)),
        on_setattr=attrs.setters.frozen,
        kw_only=True,
    )
    _left: float = attrs.field(init=False, repr=False)
    _guard: threading.Lock = attrs.field(init=False, repr=False, factory=threading.Lock)

    def __attrs_post_init__(self) -> None:
        self._left = self.retries

    @property
    def left(self) -> float:
        """How many retries there are now."""
        return self._left

    def take(self) -> bool:
        """Take one retry; False when none is left."""
        with self._guard:
            if self._left < 1:
                return False
            self._left -= 1
            return True

    def give(self) -> None:
        """Count a success."""
        with self._guard:
            self._left = min(self._left + self.ratio, self.retries)
