"""What goes to another process, and what comes back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs

if TYPE_CHECKING:
    from pegboard.privacy import Masks
    from pegboard.records import Measurements

Carrier = dict[str, str]


@attrs.frozen
class Recipe:
    """How a plugin is made anew in a worker.

    Attributes:
        name: The plugin's name.
        module, qualname: Its class.
        settings: Keyword arguments for the class.
    """

    name: str
    module: str
    qualname: str
    settings: dict[str, Any] = attrs.field(repr=False)


def is_rebuildable(cls: object) -> bool:
    """Whether this is a plugin's class that can be made anew in a worker."""
    return (
        isinstance(cls, type)
        and isinstance(getattr(cls, "name", None), str)
        and callable(getattr(cls, "worker_settings", None))
    )


def add_all(masks: Masks, secrets: Iterable[str]) -> None:
    """Have what came along masked here, too."""
    for each in secrets:
        masks.add(each)


@attrs.frozen
class SessionSpec:
    """What a worker has to know of a session, to make one for the calls made there.

    Attributes:
        id: The session's id, which that of the worker's takes over: it is the same session to whoever looks.
        recipes: The plugins that are made anew.
        defaults: The session's default options.
        events: Names of the events that may be emitted.
        measured: Whether somebody at home wants the measurements of nested calls.
    """

    id: str
    recipes: tuple[Recipe, ...]
    defaults: tuple[Any, ...]
    events: frozenset[str]
    measured: bool


class Item(NamedTuple):
    """One run of the function; it travels as a plain tuple, which is a third as long.

    Attributes:
        number: The call's number; with the parcel's prefix its id.
        attempt: Number of the attempt, from 1.
        map_index: As the call's.
        time_left: Seconds until the earliest limit of the call, or None.
        carrier: What plugins send along; None where none did.
        args, kwargs: The arguments.
    """

    number: int
    attempt: int
    map_index: int | None
    time_left: float | None
    carrier: Carrier | None
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


@attrs.frozen
class Parcel:
    """Some runs of one task's function, on their way.

    Attributes:
        task: The pickled task.
        session: The pickled `SessionSpec`.
        prefix: What the ids of the calls begin with.
        parent_id: Of the call that they were made in, or None.
        executor: Name of the executor that it goes to.
        items: The pickled list of `Item`; of a quick parcel the list of positional arguments.
        quick: Of a parcel whose calls nobody watches, the number that all their ids begin with; else 0.
        first: Map index of the first item of a quick parcel; the others follow.
        most_seconds: After so long, the items not begun are left out of the reply, for others to run.
        secrets: What is masked at home, and is to be masked in the worker.
    """

    task: bytes
    session: bytes
    prefix: str
    parent_id: str | None
    executor: str
    items: bytes
    quick: int = 0
    first: int = 0
    most_seconds: float = float("inf")
    secrets: tuple[str, ...] = attrs.field(default=(), repr=False)


@attrs.frozen
class Failure:
    """An error, on its way home.

    Attributes:
        pickled: The error itself, if it can travel.
        type, message, traceback: What is left of it otherwise.
    """

    pickled: bytes | None
    type: str
    message: str
    traceback: str


@attrs.define
class Reply:
    """What became of the items of a parcel, in their order; those that were not run any more are missing.

    Attributes:
        pid: The process that ran them.
        values: The results, packed by `dumps_each`, with None where there is a failure.
        count: How many items were run.
        began: When each began, on the worker's monotonic clock in seconds; empty for a quick parcel.
        seconds: How long each took; of a quick parcel, one number for all.
        failures: By position.
        emitted: What the functions emitted, by position: name of the event, arguments, keyword arguments.
        measured: What was measured of nested calls, by position.
        secrets: What is masked in the worker, and is to be masked at home.
    """

    pid: int
    values: bytes
    count: int
    began: list[float]
    seconds: list[float]
    failures: dict[int, Failure]
    emitted: dict[int, bytes]
    measured: dict[int, Measurements]
    secrets: tuple[str, ...] = attrs.field(default=(), repr=False)
