"""What a call leaves behind: plain values that hooks, plugins and callers read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Generic, Literal, NamedTuple, TypeVar

import attrs

from pegboard.errors import Suspended, is_parked

if TYPE_CHECKING:
    from array import array
    from typing import Protocol
else:
    Protocol = object  # to make protocols takes as long as all the rest of this module

T = TypeVar("T")

Kind = Literal["function", "coroutine", "generator", "async_generator"]
Status = Literal["ok", "error", "cancelled", "closed", "suspended"]
Source = Literal["run", "cache", "journal", "fallback"]

SERVED_FROM: Final = "pegboard.served_from"
"""Key of `call.state`: trace id and span id, in lower-case hex, of the call that computed a stored value; set before `on_cache_hit`."""

DEPENDS_ON: Final = "pegboard.depends_on"
"""Key of `call.state`: a sequence of such pairs, of the calls that this one waited for; set before it starts. Of one without a span both are None."""

RESUMES: Final = "pegboard.resumes"
"""Key of `call.state`: such a pair, of the call that began the durable run which this one goes on with; set before `on_resume`."""

NODE: Final = "pegboard.node"
"""Key of `call.state`: the name of the node of a graph, or of the step of a workflow, that the call is of; set where `Group.wants_names`."""

UNDO_IS_KEPT: Final = "pegboard.undo_is_kept"
"""Key of `call.state`: that somebody, a durable run say, undoes the call itself if what comes after it fails."""

KINDS: frozenset[Kind] = frozenset(("function", "coroutine", "generator", "async_generator"))


def _kind_of_value(value: object) -> str:
    return f"<{type(value).__name__}>"


class Outcome(NamedTuple):
    """How a call, or a group of calls, ended; observers get it, so it cannot be changed.

    A named tuple, because one is made for every observed call and it is the cheapest frozen record there is.

    Attributes:
        status: `ok`, `error`, `cancelled`, `closed` (a stream left early) or `suspended`. KeyboardInterrupt and
            SystemExit count as `cancelled`.
        source: Where the value came from: `run`, `cache`, `journal` or `fallback`.
        value: What the call returned; None for a stream and for every status but `ok`.
        error: What left the call, or None.
        attempts: How often the function ran; 0 when it did not.
        duration: Elapsed monotonic seconds, waits included.
    """

    status: Status
    source: Source
    value: Any
    error: BaseException | None
    attempts: int
    duration: float

    def __repr__(self) -> str:
        return (
            f"Outcome(status={self.status!r}, source={self.source!r}, value={_kind_of_value(self.value)}, "
            f"error={_kind_of_value(self.error)}, attempts={self.attempts}, duration={self.duration:.6f})"
        )


make_outcome = tuple.__new__  # `make_outcome(Outcome, (...))` takes half the time of `Outcome(...)`


@attrs.frozen
class TaskResult(Generic[T]):
    """What `task.run(...)` returns: the value or the error, and how it came about.

    Attributes:
        value: What the task returned (a list of the items for a generator task); None unless status is `ok`.
        status: As in `Outcome`.
        source: As in `Outcome`.
        error: The very exception that left the call, or None.
        attempts: How often the function ran.
        started_at: Wall-clock start, seconds since the Unix epoch, UTC.
        duration: Elapsed monotonic seconds.
        call_id: The call's id, as in events, spans and logs.
        trace_id: The trace that holds the call, when something traced it.
    """

    value: T = attrs.field(repr=_kind_of_value)
    status: Status
    source: Source
    error: BaseException | None = attrs.field(repr=_kind_of_value)
    attempts: int
    started_at: float
    duration: float
    call_id: str
    trace_id: str | None

    @property
    def ok(self) -> bool:
        """Whether the task returned: whether the status is `ok`."""
        return self.status == "ok"

    def unwrap(self) -> T:
        """Return the value, or raise the exception that left the call (the same object)."""
        if self.error is not None:
            raise self.error
        return self.value


class Reference:
    """Base of what stands for a value that is elsewhere, and that a layer loads before the function sees it.

    Whoever looks at inputs on their way to that layer leaves one alone.
    """

    __slots__ = ()


class ExactValues(Protocol):
    """A codec of values that come back exactly as they were, or are refused; found by `pegboard.exact_values`.

    Whoever keeps values takes what the entry-point group of that name offers, so that all members keep the same ones.
    """

    def dump(self, value: object) -> bytes:
        """Write a value; raises TypeError for one that would not come back as it is."""

    def load(self, data: bytes) -> Any:
        """Read it again, running none of its code; raises ValueError for bytes that give no value here."""

    def holds(self, cls: type) -> bool:
        """Whether a value of exactly this class may come back as it is."""

    def same(self, one: object, other: object) -> bool:
        """Whether two values are the same, in types, labels and attributes too."""

    def digest(self, value: object) -> str:
        """Return a short text that the same values have in every process; raises TypeError for one that has none."""


def status_of(error: BaseException) -> Status:
    """Name the way a call ends when `error` leaves it."""
    if isinstance(error, Exception):
        return "error"
    if isinstance(error, GeneratorExit):
        return "closed"
    if isinstance(error, Suspended) or (isinstance(error, BaseExceptionGroup) and is_parked(error)):
        return "suspended"
    return "cancelled"


def error_type(error: BaseException | None) -> str:
    """Name the class of what made a call fail: `module.Class`, a builtin one by its bare name.

    Empty for None, and for what ends a call without a failure: cancellation, a close, a suspension. Spans and metrics use the
    same text, so that one can be found from the other.
    """
    if not isinstance(error, Exception | KeyboardInterrupt | SystemExit):
        return ""
    cls = type(error)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


class Measurements:
    """What was measured of the calls that a function made in another process.

    Attributes:
        durations: Seconds of each call, by task name, status, source and error type.
        not_run: How many calls ended without running their function, by task name.
        again: How often functions ran after the first time in their call, by task name.
        retries: How many attempts were followed by another, by task name and error type.
        lookups: How many lookups of stored results, by task name and `hit` or `miss`.
        waits: Seconds that each call was held back, by task name and executor.
        exemplars: A sampled call of each key of `durations`: trace id, span id, seconds.
    """

    __slots__ = ("again", "durations", "exemplars", "lookups", "not_run", "retries", "waits")

    def __init__(self) -> None:
        self.durations: dict[tuple[str, str, str, str], array[float]] = {}
        self.not_run: dict[str, int] = {}
        self.again: dict[str, int] = {}
        self.retries: dict[tuple[str, str], int] = {}
        self.lookups: dict[tuple[str, str], int] = {}
        self.waits: dict[tuple[str, str], array[float]] = {}
        self.exemplars: dict[tuple[str, str, str, str], tuple[str, str, float]] = {}

    def __bool__(self) -> bool:
        """Whether anything was measured."""
        return bool(self.durations or self.retries or self.lookups or self.waits)
