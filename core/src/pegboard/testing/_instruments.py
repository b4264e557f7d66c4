"""A plugin that keeps what others measure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from pegboard.hookspecs import hookimpl
from pegboard.parts.forks import new_rlock


@attrs.define(eq=False)
class _LabelSet:
    """One label set of an instrument of any kind."""

    total: float | None = None
    sizes: list[float] = attrs.Factory(list)
    source: Callable[[], float] | None = None
    _guard: Any = attrs.Factory(new_rlock)

    def add(self, amount: float = 1) -> None:
        with self._guard:
            self.total = (self.total or 0) + amount

    def set(self, value: float) -> None:
        self.total = value

    def observe(self, value: float) -> None:
        self.sizes.append(value)

    def set_function(self, source: Callable[[], float]) -> None:
        self.source = source


class _Instrument:
    """An instrument of any kind; without labels it is its only label set."""

    def __init__(self, kind: str, labels: tuple[str, ...]) -> None:
        self.kind = kind
        self.names = labels
        self.label_sets: dict[tuple[str, ...], _LabelSet] = {}

    def labels(self, **values: str) -> _LabelSet:
        if set(values) != set(self.names):
            raise ValueError(f"the labels are {self.names}, not {tuple(values)}.")
        zero = 0 if self.kind == "counter" else None  # a counter is there from when its labels are bound
        return self.label_sets.setdefault(tuple(values[name] for name in self.names), _LabelSet(zero))

    def __getattr__(self, method: str) -> Any:
        return getattr(self.labels(), method)


class Instruments:
    """Keeps what plugins measure with `session.measure`, for their tests to look at."""

    name = "instruments"

    def __init__(self) -> None:
        self._made: dict[str, _Instrument] = {}

    @hookimpl
    def make_instrument(self, kind: str, name: str, labels: tuple[str, ...]) -> object:
        """Return the instrument of that name, or a new one."""
        made = self._made.setdefault(name, _Instrument(kind, labels))
        if (made.kind, made.names) != (kind, labels):
            raise ValueError(
                f"{name!r} is a {made.kind} with the labels {made.names}, not a {kind} with {labels}."
            )
        return made

    def value(self, name: str, **labels: str) -> float | None:
        """Return what a counter or gauge came to, or its function says now; None where nobody measured it.

        A counter is 0 as soon as its labels are bound.
        """
        found = self._found(name, labels)
        return found.total if found.source is None else found.source()

    def sizes(self, name: str, **labels: str) -> list[float]:
        """Return what a histogram has observed, in order."""
        return list(self._found(name, labels).sizes)

    def _found(self, name: str, labels: dict[str, str]) -> _LabelSet:
        made = self._made.get(name)
        if made is None:
            return _LabelSet()
        return made.label_sets.get(tuple(labels[each] for each in made.names), _LabelSet())
