"""The waits between runs: a number of seconds, one that grows with every failure, or one of tenacity's."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Literal, Protocol

import attrs

from pegboard.parts import checks


def _jitter(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value != "full":
        _JITTER(instance, attribute, value)


Kind = Literal["exponential", "linear", "constant", "fibonacci"]


def _fibonacci(initial: float, _: float, retry: int) -> float:
    before, now = 0, 1
    for _ in range(retry - 1):
        before, now = now, before + now
    return initial * now


_GROWTH: dict[Kind, Callable[[float, float, int], float]] = {
    "exponential": lambda initial, factor, retry: initial * float(factor) ** (retry - 1),
    "linear": lambda initial, factor, retry: initial + factor * (retry - 1),
    "constant": lambda initial, _, __: initial,
    "fibonacci": _fibonacci,
}


_random = random.SystemRandom()  # neither seeded nor used up by the program, and another in every fork
_JITTER = checks.seconds(hint="Or 'full'.")
_KIND = checks.one_of(*_GROWTH)
_SEED = checks.whole().or_none("another jitter in every run")


@attrs.frozen
class Backoff:
    """A wait that grows: before retry k, `min(max, initial * factor ** (k - 1))` seconds, with jitter.

    The defaults are a sane wait for production: 0.1 s, doubling, at most a minute, with full jitter, so that many
    clients which failed together do not come back together.

    Attributes:
        initial: Seconds before the first retry.
        factor: What an exponential wait is multiplied by each time; the seconds that are added to a linear one.
        max: The longest wait, in seconds, before jitter.
        jitter: `full` draws each wait between 0 and the computed one; a number adds a draw between 0 and that many
            seconds; 0 is none.
        kind: `exponential`; `linear`, `initial + factor * (k - 1)`; `constant`; or `fibonacci`, `initial` times 1, 1, 2,
            3, 5 and so on.
        seed: Makes the jitter reproducible, for tests: the wait before retry k is then the same in every call.

    Source: full jitter as in "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """

    initial: float = attrs.field(default=0.1, validator=checks.seconds())
    factor: float = attrs.field(default=2.0, validator=checks.seconds())
    max: float = attrs.field(default=60.0, validator=checks.seconds())
    jitter: float | Literal["full"] = attrs.field(default="full", validator=_jitter)
    kind: Kind = attrs.field(default="exponential", validator=_KIND)
    seed: int | None = attrs.field(default=None, validator=_SEED)

    def __attrs_post_init__(self) -> None:
        if self.kind == "exponential" and self.factor < 1:
            raise ValueError(
                f"factor is at least 1 for a wait that grows exponentially, not {self.factor!r}."
            )

    def delay(self, retry: int) -> float:
        """Draw the wait before a retry, counted from 1, in seconds."""
        grown = self._grown(retry)
        # It spreads load and hides nothing, so no secure source is needed where it is to be reproducible.
        draw = _random.uniform if self.seed is None else random.Random(f"{self.seed}:{retry}").uniform  # noqa: S311
        if self.jitter == "full":
            return draw(0.0, grown)
        return grown + draw(0.0, self.jitter)

    def _grown(self, retry: int) -> float:
        if self.initial == 0 and self.kind != "linear":  # 0 times whatever is 0, also where that overflows
            return 0.0
        try:
            return min(self.max, _GROWTH[self.kind](self.initial, self.factor, retry))
        except OverflowError:
            return self.max


class TenacityWait(Protocol):
    """A tenacity wait strategy: any callable that takes its retry state and returns seconds."""

    def __call__(self, retry_state: Any, /) -> float:
        """Return the seconds to wait."""


Delay = Callable[[int, Exception], float]


def delay_of(wait: float | Backoff | TenacityWait) -> Delay:
    """Turn a wait into a function of the retry's number, from 1, and the error, that gives seconds."""
    if isinstance(wait, Backoff):
        return lambda retry, _: wait.delay(retry)
    if callable(wait):
        return _through_tenacity(wait)
    return lambda _, __: wait


def _through_tenacity(wait: TenacityWait) -> Delay:
    def delay(retry: int, error: Exception) -> float:
        from tenacity import Future, RetryCallState, Retrying

        state = RetryCallState(retry_object=Retrying(), fn=None, args=(), kwargs={})
        state.attempt_number = retry
        state.outcome = Future.construct(retry, error, has_exception=True)
        return float(wait(state))

    return delay
