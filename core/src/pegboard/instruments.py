"""Instruments that plugins measure with, and those that do nothing, where nobody measures."""

from __future__ import annotations

from typing import Final, Literal, Protocol, Self

InstrumentKind = Literal["counter", "gauge", "histogram"]
KINDS: Final[tuple[InstrumentKind, ...]] = ("counter", "gauge", "histogram")


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

    def observe(self, _: float) -> None:
        pass


NULL = _Null()
