"""When something becomes true."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs

from pegboard import Task
from pegboard.parts import checks
from pegboard_schedule import _checks
from pegboard_schedule._trigger import Trigger


def _refuse_other(_: When, __: object, condition: Any) -> None:
    inner: object = condition.__wrapped__ if isinstance(condition, Task) else condition
    if not callable(condition) or inspect.iscoroutinefunction(inner) or inspect.isgeneratorfunction(inner):
        raise TypeError(
            f"condition is a quick function without arguments that returns a bool, and this is of type "
            f"{type(condition).__name__}.\nA coroutine cannot be asked: write a function that looks at what it needs."
        )


def _every(value: object) -> timedelta:
    return timedelta(seconds=_checks.seconds("every", value, 0.001))


@attrs.frozen
class When(Trigger):
    """When a condition becomes true: once for each change from false to true.

    It counts as false before it is first asked, so one that is true from the beginning has a run at once.

    Attributes:
        condition: A quick function without arguments, asked in a thread of the schedule. What it returns counts as a bool;
            whatever it raises is logged, and counts as no answer. One that takes long is not asked again before it answers.
        every: Seconds or a timedelta between two questions.
        once: Whether the first change is the only one; then the entry leaves the schedule.
    """

    condition: Callable[[], Any] = attrs.field(validator=_refuse_other)
    every: timedelta = attrs.field(default=timedelta(seconds=1), converter=_every)
    once: bool = attrs.field(default=False, kw_only=True, validator=checks.flag())

    def next(self, after: datetime) -> datetime:
        """Return when the condition is next asked."""
        return _checks.aware("after", after).astimezone(UTC) + self.every

    @property
    def rule(self) -> str:
        """The condition's name."""
        return f"{'once ' if self.once else ''}when {getattr(self.condition, '__qualname__', type(self.condition).__qualname__)}"

    @property
    def is_prompt(self) -> bool:
        """Whether nobody has changed when it is asked."""
        return type(self) is When

    def first(self, now: datetime) -> datetime:
        """Return `now`: it is asked at once."""
        return now

    def set_back_most(self) -> timedelta:
        """Return the time between two questions."""
        return self.every
