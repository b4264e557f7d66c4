"""A wait that grows with every failure."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Any, Literal

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable


def seconds(least: float) -> Callable[[Any, attrs.Attribute[Any], Any], None]:
    """A validator: a finite number of at least `least`."""

    def check(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError(f"{attribute.name} is a number, not {value!r}.")
        if not math.isfinite(value) or value < least:
            raise ValueError(f"{attribute.name} is a finite number of at least {least:g}, not {value!r}.")

    return check


def _jitter(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value != "full":
        seconds(0)(instance, attribute, value)


@attrs.frozen
class Backoff:
    """Exponential backoff: before retry k, `min(max, initial * factor ** (k - 1))` seconds, with jitter.

    The defaults are a sane wait for production: 0.1 s, doubling, at most a minute, with full jitter, so that many
    clients which failed together do not come back together.

    Attributes:
        initial: Seconds before the first retry.
        factor: What the wait grows by; 1 keeps it constant.
        max: The longest wait, in seconds, before jitter.
        jitter: `full` draws each wait between 0 and the computed one; a number adds a draw between 0 and that many
            seconds; 0 is none.

    Source: full jitter as in "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """

    initial: float = attrs.field(default=0.1, validator=seconds(0))
    factor: float = attrs.field(default=2.0, validator=seconds(1))
    max: float = attrs.field(default=60.0, validator=seconds(0))
    jitter: float | Literal["full"] = attrs.field(default="full", validator=_jitter)

    def delay(self, retry: int) -> float:
        """Draw the wait before a retry, counted from 1, in seconds."""
        try:
            grown = min(self.max, self.initial * self.factor ** (retry - 1))
        except OverflowError:
            grown = self.max
        if self.jitter == "full":
            return random.uniform(0.0, grown)  # noqa: S311 - spreads load, hides nothing
        return grown + random.uniform(0.0, self.jitter)  # noqa: S311
