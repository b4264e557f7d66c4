"""The call that a function in a worker runs in: it stands for the one at home."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from pegboard.calls.call import Call, new_call
from pegboard.errors import UnknownEvent

if TYPE_CHECKING:
    from pegboard.plans.plan import Plan
    from pegboard_processes.wire.parcels import Carrier, Item, Parcel

Emitted = tuple[str, tuple[Any, ...], dict[str, Any]]


class StandIn(Call):
    """A call seen from the worker that runs its function.

    It has the id, name, inputs, map index and attempt of the call at home, and what is emitted on it is told there, when the
    function has ended.

    Attributes:
        carrier: What plugins sent along.
        emitted: What the function emitted: event, arguments, keyword arguments.
        known: Names of the events that may be emitted.
    """

    __slots__ = ("carrier", "emitted", "home_id", "home_parent_id", "known")
    carrier: Carrier
    emitted: list[Emitted] | None
    known: frozenset[str]
    home_id: str
    home_parent_id: str | None

    @property
    def id(self) -> str:
        """The id of the call at home."""
        return self.home_id

    @property
    def is_remote(self) -> bool:
        """Whether the function runs in another process than the call: it does."""
        return True

    @property
    def parent_id(self) -> str | None:
        """The id of the call that the one at home was made in, or None."""
        return self.home_parent_id

    def emit(self, event: str, *args: Any, **kwargs: Any) -> None:
        """Keep an event, to be told at home.

        Raises:
            UnknownEvent: The session at home has no such hook spec.
        """
        if event not in self.known:
            raise _unknown(self, event, self.known)
        if self.emitted is None:
            self.emitted = []
        self.emitted.append((event, args, kwargs))


class Shared:
    """What the calls of a quick parcel have in common.

    Attributes:
        parcel: The parcel.
        known: Names of the events that may be emitted.
        emitted: What was, by position.
    """

    def __init__(self, parcel: Parcel, known: frozenset[str]) -> None:
        self.parcel = parcel
        self.known = known
        self.emitted: dict[int, list[Emitted]] = {}


class QuickStandIn(Call):
    """A call that nobody watches at home: it is made for `current_call()` alone, so all that can be is left for then."""

    __slots__ = ("position", "shared")
    shared: Shared
    position: int

    def __getattr__(self, name: str) -> Any:
        if name == "map_index":
            return self.shared.parcel.first + self.position
        return _QUICK[name] if name in _QUICK else super().__getattr__(name)

    @property
    def kwargs(self) -> dict[str, Any]:  # type: ignore[override]
        """No arguments: a map passes positional ones."""
        return {}

    @property
    def id(self) -> str:
        """Made here: at home this call has no object."""
        return f"{self.shared.parcel.prefix}{self.shared.parcel.quick:x}-{self.position:x}"

    @property
    def is_remote(self) -> bool:
        """Whether the function runs in another process than the call: it does."""
        return True

    @property
    def executor(self) -> str:  # type: ignore[override]
        """The executor that the map runs on."""
        return self.shared.parcel.executor

    @property
    def parent_id(self) -> str | None:
        """The id of the call that the map was made in, or None."""
        return self.shared.parcel.parent_id

    def emit(self, event: str, *args: Any, **kwargs: Any) -> None:
        """Keep an event, to be told at home."""
        if event not in self.shared.known:
            raise _unknown(self, event, self.shared.known)
        self.shared.emitted.setdefault(self.position, []).append((event, args, kwargs))


_QUICK: dict[str, Any] = {
    "parent": None,
    "number": 0,
    "attempt": 1,
    "source": "run",
    "hooking": False,
    "time_limit": None,
}


def _unknown(call: Call, event: str, known: frozenset[str]) -> UnknownEvent:
    return UnknownEvent(
        f"task {call.task.name!r} emitted {event!r}, and no hook spec of its session describes it.\n"
        f"Known: {', '.join(sorted(known))}.",
        event=event,
    )


def stand_in_for(item: Item, parcel: Parcel, plan: Plan, known: frozenset[str]) -> StandIn:
    """Make the call of one item."""
    call: StandIn = new_call(StandIn)
    call.plan = plan
    call.args = item.args
    call.kwargs = item.kwargs
    call.parent = None
    call.number = item.number
    call.attempt = item.attempt
    call.source = "run"
    call.hooking = False
    call.executor = parcel.executor
    call.time_limit = None
    call.map_index = item.map_index
    call.started = time.perf_counter()
    call.carrier = item.carrier or {}
    call.emitted = None
    call.known = known
    call.home_id = f"{parcel.prefix}{item.number:x}"
    call.home_parent_id = parcel.parent_id
    return call
