"""What all groups of calls share: a slot for each result, and what becomes of failures."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable, Iterator
from contextvars import Context, copy_context
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, get_args

from pegboard import texts
from pegboard.errors import MapError
from pegboard.parts import checks
from pegboard.parts.forks import new_rlock
from pegboard.parts.notes import note_on
from pegboard.parts.stopping import Stop, stop_in_force
from pegboard.records import status_of

if TYPE_CHECKING:
    from pegboard.running.group import Group

OnError = Literal["raise", "collect", "aggregate"]
Inputs = Iterator[tuple[Any, ...]]


class GroupState:
    """The state of one group: inputs pulled one by one, a slot for each result, the failures.

    Workers pull under a lock, so a lazy input is never read ahead of need.

    The group has a context of its own, a copy of the caller's: observers of the group are told in it and the inputs are
    read in it, and every item gets a copy. What `before_group` makes current is so for the items, and for nobody else.

    Attributes:
        group: The group.
        home: Its context.
        stop: Asked for once the group will raise: it ends what its other calls wait for.
        results: A slot for each item begun, in input order.
        stopped: Whether no more inputs are wanted.
    """

    def __init__(self, group: Group, inputs: Inputs, on_error: OnError) -> None:
        self.group = group
        self.home: Context = copy_context()
        self.stop = Stop(f"another call of the {group.kind} failed")
        self.results: list[Any] = []
        self.stopped = False
        self._inputs = inputs
        self._on_error = on_error
        self._guard = new_rlock()  # inputs are taken under it, and whoever makes them may fork
        self._failure: tuple[int, BaseException] | None = None
        self._suspension: BaseException | None = None
        self._errors: dict[int, Exception] = {}

    @abstractmethod
    def finish_item(self, index: int, args: tuple[Any, ...]) -> Any:
        """Run one item to its end and return its value; inside that item's context."""

    @abstractmethod
    def await_item(self, index: int, args: tuple[Any, ...]) -> Awaitable[Any]:
        """Do what `finish_item` does, to be awaited."""

    @property
    def has_failed(self) -> bool:
        """Whether the group will raise, so that what still runs is in vain."""
        return self._failure is not None

    def begin(self) -> None:
        """Tell the beginning of the group."""
        self.home.run(self.group.begin)

    def context(self) -> Context:
        """Make a context for one item."""
        return self.home.copy()

    def pull(self) -> tuple[int, tuple[Any, ...]] | None:
        """Take the next input, from any thread; None when there is no more, or no more is wanted."""
        with self._guard:
            return self.home.run(self.take)

    def take(self) -> tuple[int, tuple[Any, ...]] | None:
        """Take the next input, in the group's own context and in the only thread that takes any."""
        if self.stopped:
            return None
        results = self.results
        try:
            args = next(self._inputs, None)
        except BaseException as error:  # noqa: BLE001 - the input's own failure ends the group
            self._stop(len(results), error)
            return None
        if args is None:
            self.stopped = True
            return None
        results.append(None)
        return len(results) - 1, args

    def pull_many(self, most: int) -> tuple[int, list[tuple[Any, ...]]]:
        """Take up to so many inputs, and return the position of the first with them."""
        with self._guard:
            first = len(self.results)
            inputs: list[tuple[Any, ...]] = []
            if not self.stopped:
                self.home.run(self._take_into, inputs, most)
            return first, inputs

    def _take_into(self, inputs: list[tuple[Any, ...]], most: int) -> None:
        try:
            inputs.extend(islice(self._inputs, most))
        except BaseException as error:  # noqa: BLE001 - the input's own failure ends the group
            self._stop(len(self.results) + len(inputs), error)
        if len(inputs) < most:
            self.stopped = True
        self.results.extend([None] * len(inputs))

    def failed(self, index: int, error: BaseException) -> None:
        """Keep an error in its slot, or stop the group, also where it is of no item; one that suspends leaves the others to go on."""
        with self._guard:
            if index < len(self.results) and status_of(error) == "suspended":
                self._suspension = self._suspension or error
                return
            self.group.failed += 1
            if self._on_error == "raise" or not isinstance(error, Exception) or index >= len(self.results):
                self._stop(index, error)
            else:
                self.results[index] = self._errors[index] = error
        if self.has_failed:
            self.stop.ask()

    def _stop(self, index: int, error: BaseException) -> None:
        """Remember the failure that will be raised: an exit before an Exception, then the lowest index."""
        self.stopped = True
        if self._failure is None or _rank(index, error) < _rank(*self._failure):
            self._failure = (index, error)

    def finish(self) -> list[Any]:
        """Tell the end of the group, and return the results, or raise what is to be raised."""
        error = self.error()
        if error is not None:
            self.home.run(stop_in_force.set, None)  # who is told of the end may wait
        self.end(error, self.results if error is None else None)
        if error is None:
            return self.results
        # Whoever keeps the error keeps this object, and need not keep those.
        self.results, self._inputs = [], iter(())
        raise error

    def end(self, error: BaseException | None, value: Any = None) -> None:
        """Tell the end of the group, unless that was told."""
        self.home.run(self.group.end, error, value)

    def error(self) -> BaseException | None:
        """Return what the group is to raise, if anything."""
        if self._failure is not None:
            index, error = self._failure
            if isinstance(error, Exception) and index < len(self.results):
                self._note(index, error)
            return error
        if self._suspension is not None:
            return self._suspension
        if self._on_error == "aggregate" and self._errors:
            return self._aggregated()
        return None

    def _aggregated(self) -> MapError:
        errors = dict(sorted(self._errors.items()))
        for index, error in errors.items():
            self._note(index, error)
        group = self.group
        return MapError(
            f"{len(errors)} of the {len(self.results)} calls of {group.kind} {group.name!r} failed. "
            f"What all of them gave is in .results, the errors by position in .errors",
            results=self.results,
            errors=errors,
        )

    def _note(self, index: int, error: Exception) -> None:
        note_on(error, f"as item {index} of {texts.a(self.group.kind)}")


def _rank(index: int, error: BaseException) -> tuple[bool, int]:
    return isinstance(error, Exception), index


POLICY = checks.one_of(*get_args(OnError))
_CONCURRENCY = checks.whole(least=1, type_error=ValueError).or_none("as many as there is room for")


def check_policy(on_error: object, concurrency: object, policy: checks.Check[Any] = POLICY) -> None:
    """Refuse a policy word that does not exist, and a limit below one.

    Raises:
        ValueError: It is not one of the policy's, or no whole number from 1.
    """
    policy.check("on_error", on_error)
    _CONCURRENCY.check("concurrency", concurrency)
