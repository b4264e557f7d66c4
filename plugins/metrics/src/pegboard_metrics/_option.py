"""The option that a task asks for a metric of its own with."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import ClassVar

import attrs

from pegboard import Option
from pegboard.parts import checks
from pegboard_metrics.names import BUCKETS

_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*_seconds")
_BOUND = checks.seconds(
    infinite=True, hint="They are upper bounds, above 0 and rising: Metered(buckets=(0.1, 1, 10))."
)


def _as_bounds(given: Iterable[float] | None) -> tuple[float, ...] | None:
    """Check the bounds and make a tuple of them; a last one of infinity is there anyway."""
    if given is None:
        return None
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise TypeError(
            f"Metered(buckets=...) takes seconds such as (0.1, 1, 10), not {checks.shown(given)}."
        )
    bounds = tuple(given)
    for position, bound in enumerate(bounds):
        _BOUND.check(f"buckets[{position}]", bound, owner="Metered")
    if bounds and bounds[-1] == math.inf:
        bounds = bounds[:-1]
    rising = all(low < high for low, high in zip((0.0, *bounds), (*bounds, math.inf), strict=True))
    if not bounds or not rising:
        raise ValueError(
            f"Metered(buckets={checks.shown(bounds)}): these are upper bounds in seconds, at least one, above 0 and rising.\n"
            f"For example Metered(buckets=(0.1, 1, 10), name='load_duration_seconds')."
        )
    return tuple(float(bound) for bound in bounds)


@attrs.frozen
class Metered(Option):
    """Measures the durations of a task in a metric of its own too, with buckets that fit it.

    A metric has one set of buckets, so other buckets need another name. The task goes on feeding
    `pegboard_task_duration_seconds`, with its buckets, and shows in every dashboard and alert as before. Tasks may share a
    name, with the same buckets.

    Attributes:
        buckets: Upper bounds in seconds, rising; by default those of `pegboard_task_duration_seconds`.
        name: Name of the metric; ends in `_seconds`, as metrics carry their unit, and does not begin with `pegboard_`.

    Raises:
        TypeError, ValueError: The bounds do not rise, or the name is missing or cannot be used.
    """

    plugin_name: ClassVar[str] = "metrics"
    buckets: tuple[float, ...] | None = attrs.field(default=None, converter=_as_bounds)
    name: str | None = attrs.field(default=None, validator=checks.text().or_none("none of its own"))

    def __attrs_post_init__(self) -> None:
        if self.name is None:
            self._refuse_nameless_buckets()
        elif not _NAME.fullmatch(self.name):
            raise ValueError(
                f"Metered(name={checks.shown(self.name)}): a duration's name is letters, digits and underscores, and ends in its unit: "
                f"'load_duration_seconds', say."
            )
        elif self.name.startswith("pegboard_"):
            raise ValueError(
                f"Metered(name={checks.shown(self.name)}): names that begin with 'pegboard_' are Pegboard's own; leave that out."
            )

    @property
    def bounds(self) -> tuple[float, ...]:
        """The bounds to use."""
        return BUCKETS if self.buckets is None else self.buckets

    def _refuse_nameless_buckets(self) -> None:
        if self.buckets is not None:
            raise ValueError(
                "Metered(buckets=...) without a name: pegboard_task_duration_seconds has one set of buckets for all tasks, "
                "or they could not be added up.\n"
                "Name a metric for these: Metered(buckets=..., name='load_duration_seconds')."
            )
