"""Instruments that plugins measure with, and those that do nothing, where nobody measures."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Literal, Self

from pegboard.parts import checks

if TYPE_CHECKING:
    from typing import Protocol
else:
    Protocol = object  # to make protocols takes as long as all the rest of this module

InstrumentKind = Literal["counter", "gauge", "histogram"]
KINDS: Final[tuple[InstrumentKind, ...]] = ("counter", "gauge", "histogram")
_OF_A_SCRAPE = ("_total", "_bucket", "_count", "_sum", "_created")  # endings that a scrape gives to series
_TAKEN_LABELS = ("le", "quantile")  # by the series of histograms and summaries


class Counter(Protocol):
    """What only grows."""

    def labels(self, **values: str) -> Self:
        """Bind values to all labels, and return the instrument to use: cheap to keep, dear to make for each call."""

    def add(self, amount: float = 1) -> None:
        """Count so much more, at least 0."""


class Gauge(Protocol):
    """What rises and falls."""

    def labels(self, **values: str) -> Self:
        """Bind values to all labels; see `Counter.labels`."""

    def set(self, value: float) -> None:
        """Note what it is now."""

    def add(self, amount: float = 1) -> None:
        """Note that it is so much more now, or less."""

    def set_function(self, source: Callable[[], float]) -> None:
        """Ask `source` for the value whenever it is read, until the session ends: it has to be quick, from any thread."""


class Histogram(Protocol):
    """What is counted by size: durations in seconds, sizes in bytes."""

    def labels(self, **values: str) -> Self:
        """Bind values to all labels; see `Counter.labels`."""

    def observe(self, value: float) -> None:
        """Count one of this size."""


Instrument = Counter | Gauge | Histogram


class _Null:
    """Does nothing, whichever of them it stands for."""

    def labels(self, **_: str) -> Self:
        return self

    def add(self, _: float = 1) -> None:
        pass

    def set(self, _: float) -> None:
        pass

    def set_function(self, _: Callable[[], float]) -> None:
        pass

    def observe(self, _: float) -> None:
        pass


NULL = _Null()


def check_instrument(
    kind: str, name: str, labels: tuple[str, ...], buckets: tuple[float, ...] | None
) -> None:
    """Refuse what no scrape page can show; also where nobody measures, so that it does not wait for the first who does.

    Raises:
        ValueError: An unknown kind, a name or label that Prometheus would not take, or buckets that do not rise.
    """
    if kind not in KINDS:
        raise ValueError(f"an instrument is one of {', '.join(KINDS)}, not {checks.shown(kind)}.")
    if not _is_word(name):
        raise ValueError(
            f"{name!r} is no name for an instrument: it is made of letters, digits and underscores, as 'shop_orders' is."
        )
    if name.endswith(_OF_A_SCRAPE):
        ending = next(ending for ending in _OF_A_SCRAPE if name.endswith(ending))
        raise ValueError(
            f"the instrument {name!r} ends in {ending!r}, which a scrape adds by itself.\nLeave that out: {name.removesuffix(ending)!r}."
        )
    wrong = [each for each in labels if not _is_word(each) or each.startswith("__") or each in _TAKEN_LABELS]
    if wrong or len(set(labels)) < len(labels):
        raise ValueError(
            f"the labels {labels!r} of {name!r} cannot be used: each is there once, made of letters, digits and underscores, "
            f"not two of these first, and none is {' or '.join(_TAKEN_LABELS)}."
        )
    if buckets is not None and (kind != "histogram" or not buckets or list(buckets) != sorted(set(buckets))):
        raise ValueError(
            f"buckets={buckets!r} of the {kind} {name!r}: a histogram has upper bounds, at least one, and rising."
        )


def _is_word(text: object) -> bool:
    return isinstance(text, str) and text.isascii() and text.isidentifier()
