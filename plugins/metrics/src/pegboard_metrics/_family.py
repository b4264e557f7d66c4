"""The label sets of one metric, kept under the cap."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, NoReturn, Protocol, TypeVar

from pegboard.parts import new_rlock
from pegboard.texts import encodable
from pegboard_metrics.names import CACHE_RESULT, ERROR_TYPE, EXECUTOR, HOOK, OTHER, SIGNAL, SOURCE, STATUS

Child = TypeVar("Child", bound="Counting")
LabelValues = tuple[str, ...]

LABEL_SETS_MOST = 500
_FEW = frozenset(
    (STATUS, SOURCE, CACHE_RESULT, EXECUTOR, HOOK, SIGNAL)
)  # labels whose values users do not make up


class Counting(Protocol):
    """What counts for one label set."""

    def begin_anew(self) -> None:
        """Begin at 0, in a forked child."""


class Bound:
    """Base of what users count with, for one label set."""

    __slots__ = ()

    def labels(self, **_: str) -> NoReturn:
        """Refuse: a label set is bound once."""
        raise ValueError("these labels are bound already: labels(...) is a method of the instrument.")


class Family(Generic[Child]):
    """The children of one metric, by their label values.

    The first 500 label sets get a child each. Those that come later share children in which the values that users
    make up are `_OTHER`; what we make up ourselves, such as a status, is kept, so that totals by it stay right.

    Attributes:
        labels: Names of the labels, in the order of the values.
    """

    def __init__(
        self, labels: tuple[str, ...], make: Callable[[LabelValues], Child], on_overflow: Callable[[], None]
    ) -> None:
        self.labels = labels
        self._make = make
        self._on_overflow = on_overflow
        self._guard = new_rlock()
        self._children: dict[LabelValues, Child] = {}
        self._overflow: dict[LabelValues, Child] = {}
        self._counted: set[LabelValues] = set()  # label values without the type of error
        self._stand_ins: dict[LabelValues, tuple[LabelValues, Child]] = {}

    def child(self, *values: str) -> Child:
        """Return the child of these label values, made at the first request."""
        found = self._children.get(values)
        return self._admit(values) if found is None else found

    def find(self, *values: str) -> Child | None:
        """Return the child that counts these label values, or None; once the cap is reached, that of `_OTHER`."""
        with self._guard:
            if values not in self._children and len(self._children) >= LABEL_SETS_MOST:
                return self._overflow.get(self._folded(values))
            return self._children.get(values)

    def stand_in(self, child: Child, *values: str) -> None:
        """Show a child that counts nothing until there is one that differs in its type of error at most.

        Which errors there will be, nobody knows; that there were none so far can be seen this way, and the first one is a
        change. It takes a place that is free, and gives it up for a child that counts.
        """
        values = tuple([encodable(value) for value in values])
        kind = self._but_error_type(values)
        with self._guard:
            if kind not in self._counted:
                self._stand_ins.setdefault(kind, (values, child))

    def items(self) -> list[tuple[LabelValues, Child]]:
        """List the label sets with their children, those over the cap last."""
        with self._guard:
            return [*self._children.items(), *self._overflow.items()]

    def shown(self) -> list[tuple[LabelValues, Child]]:
        """List the label sets with their children, and where there is room those that stand in."""
        with self._guard:
            free = LABEL_SETS_MOST - len(self._children)
            return [*self.items(), *list(self._stand_ins.values())[:free]]

    def begin_anew(self) -> None:
        """Begin at 0 in a forked child: with the same children, as observers and users keep them."""
        for _, child in self.items():  # noqa: PERF102 - no dict, but a family
            child.begin_anew()

    def own(self) -> list[tuple[LabelValues, Child]]:
        """List the label sets under the cap."""
        with self._guard:
            return list(self._children.items())

    def overflow(self) -> list[Child]:
        """List the children that stand for label sets over the cap."""
        with self._guard:
            return list(self._overflow.values())

    def _admit(self, values: LabelValues) -> Child:
        values = tuple([encodable(value) for value in values])
        with self._guard:
            over = values[:1] == (OTHER,) or (
                values not in self._children and len(self._children) >= LABEL_SETS_MOST
            )
            if not over:
                return self._get(self._children, values)
            child = self._get(self._overflow, self._folded(values))
        self._on_overflow()
        return child

    def _get(self, children: dict[LabelValues, Child], values: LabelValues) -> Child:
        if values not in children:
            children[values] = self._make(values)
            kind = self._but_error_type(values)
            self._counted.add(kind)
            self._stand_ins.pop(kind, None)
        return children[values]

    def _but_error_type(self, values: LabelValues) -> LabelValues:
        return tuple([value for label, value in zip(self.labels, values, strict=True) if label != ERROR_TYPE])

    def _folded(self, values: LabelValues) -> LabelValues:
        return tuple(
            value if label in _FEW else value and OTHER
            for label, value in zip(self.labels, values, strict=True)
        )
