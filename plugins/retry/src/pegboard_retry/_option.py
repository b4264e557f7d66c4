"""What a task asks for: how often to try again, after what wait, for which errors, and out of which budget."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

import attrs

from pegboard import InvalidTask, Option
from pegboard.parts import checks, new_lock
from pegboard_retry._backoff import Backoff, TenacityWait

if TYPE_CHECKING:
    from pegboard import Task

Resume = str | Callable[[Any, int], Mapping[str, Any]]
Errors = type[Exception] | tuple[type[Exception], ...] | Callable[[Exception], bool]


_RETRIES = checks.whole(least=1, hint="Where nothing is to be retried, leave Retry off.")


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

    retries: int = attrs.field(default=10, validator=_RETRIES, on_setattr=attrs.setters.frozen)
    ratio: float = attrs.field(default=0.1, validator=checks.probability(), on_setattr=attrs.setters.frozen)
    seconds: float | None = attrs.field(
        default=None,
        validator=checks.seconds().or_none("no limit"),
        on_setattr=attrs.setters.frozen,
        kw_only=True,
    )
    _left: float = attrs.field(init=False, repr=False)
    _guard: threading.Lock = attrs.field(init=False, repr=False, factory=new_lock)

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


_COUNT = checks.whole(least=0, hint="It counts extra runs: 0 runs once.")
_ERRORS = checks.exceptions(never="retried", functions=True)
_WAIT = checks.seconds(hint="Or a Backoff, or any tenacity wait.")
_BUDGET = checks.seconds(hint="Or a RetryBudget that several tasks share.")


def _wait(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, Backoff) and not callable(value):
        _WAIT(instance, attribute, value)
    elif isinstance(value, type):
        raise TypeError(f"{attribute.name} is {value.__name__}, a class; did you forget the parentheses?")


def _budget(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not isinstance(value, RetryBudget):
        _BUDGET(instance, attribute, value)


def _resume(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is None or (isinstance(value, str) and value.isidentifier()) or callable(value):
        return
    raise TypeError(
        f"{attribute.name} is the name of a parameter, or a function of the last item and the number of items, not "
        f"{checks.shown(value)}."
    )


@attrs.frozen
class Retry(Option):
    """Run the task again when it fails.

    Attributes:
        retries: How many *extra* runs there may be: `Retry(3)` runs at most four times.
        wait: Seconds between runs, a `Backoff`, or any tenacity wait. 0 does not wait at all.
        on: Which errors to retry: a class, several, or a function that is told the error.
        unless: Which of those not to retry, in the same forms.
        budget: Seconds, from the first attempt on, in which the last retry has to begin; or a `RetryBudget` that several
            tasks share.
        resume_from: For a generator task, how a stream that failed goes on after the items it has yielded, instead of
            not being retried at all: the name of a parameter to which their number is added; or a function of the last
            item and their number that returns the parameters to change, by name.
        overlap: Whether a retry may begin while the function of an attempt goes on that a `Timeout` gave up, as that of a sync
            task does. False waits for its end first, and then as `wait` says; a `Deadline` ends that wait too.

    An error with an attribute `retry_after` sets the wait before the next run: seconds, a timedelta, an aware datetime, or the
    text of HTTP's header `Retry-After`.
    """

    plugin_name = "retry"

    retries: int = attrs.field(default=3, validator=_COUNT)
    wait: float | Backoff | TenacityWait = attrs.field(default=0.0, validator=_wait, kw_only=True)
    on: Errors = attrs.field(default=Exception, validator=_ERRORS, kw_only=True)
    unless: Errors = attrs.field(default=(), validator=_ERRORS, kw_only=True)
    budget: float | RetryBudget | None = attrs.field(default=None, validator=_budget, kw_only=True)
    resume_from: Resume | None = attrs.field(default=None, validator=_resume, kw_only=True)
    overlap: bool = attrs.field(default=True, validator=checks.flag(), kw_only=True)

    def check(self, task: Task[..., Any]) -> None:
        """Refuse to resume a task that is no stream, or that lacks the parameter.

        Raises:
            InvalidTask: Saying why.
        """
        if self.resume_from is None:
            return
        if task.kind in ("function", "coroutine"):
            raise InvalidTask(
                f"task {task.name!r} has resume_from, and is no generator: there are no items after which it could go on."
            )
        known = task.signature.parameters
        if isinstance(self.resume_from, str) and self.resume_from not in known:
            raise InvalidTask(
                f"resume_from={self.resume_from!r} is no parameter of task {task.name!r}. It has: {', '.join(known) or 'none'}."
            )

    def wants(self) -> Callable[[Exception], bool]:
        """Return the function that decides whether an error is retried."""
        listed, excluded = _matcher(self.on), _matcher(self.unless)
        return lambda error: listed(error) and not excluded(error)


def _matcher(errors: Errors) -> Callable[[Exception], bool]:
    if isinstance(errors, tuple | type):
        kinds = cast("tuple[type[Exception], ...]", errors)
        return lambda error: isinstance(error, kinds)
    return errors
