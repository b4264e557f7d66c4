"""Every error of Pegboard's own, in one tree.

    PegboardError
    ├── MissingPlugin          an option or a name needs a plugin that is not there
    ├── PluginConflict         two distributions, or two plugins of a session, claim one name
    ├── InvalidPlugin          an object cannot be attached as it is
    ├── BindError              a plugin failed while a task was bound to a session
    │   └── UnsupportedTask    ... because it cannot wrap this kind of task
    ├── InvalidTask            something that cannot be a task, or an option that cannot be on it
    │   └── InvalidName        a task name with a placeholder that is not allowed
    ├── ConfigError            a setting that is unknown or of the wrong kind
    ├── SessionError           a session used in a state that does not allow it
    ├── UnknownEvent           `call.emit` of an event that no hook spec describes
    ├── AwaitInSyncTask        a layer of a sync task awaited something that really suspends
    ├── NotAwaited             a layer returned what it proceeds to instead of awaiting it
    ├── MustBeAwaited          sync code got a value that has to be awaited
    ├── NeedsAsyncio           async code runs under something else than asyncio
    ├── MapError               calls of a group failed, all of them told at once (an ExceptionGroup too)
    ├── RemoteError            a function failed in another process, with an error that cannot come here
    ├── TransportError         a value cannot go to another process, or come from it
    ├── WorkerDied             the process that ran a function ended before it answered
    └── TaskTimeout            a call or attempt took longer than it was allowed to
        └── DeadlineExceeded   ... counted over the whole call

A task's own exception is never wrapped in one of these: it leaves the call as it was raised.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

__all__ = [
    "AwaitInSyncTask",
    "BindError",
    "ConfigError",
    "DeadlineExceeded",
    "InvalidName",
    "InvalidPlugin",
    "InvalidTask",
    "MapError",
    "MissingPlugin",
    "MustBeAwaited",
    "NeedsAsyncio",
    "NotAwaited",
    "PegboardError",
    "PluginConflict",
    "RemoteError",
    "SessionError",
    "Suspended",
    "TaskTimeout",
    "TransportError",
    "UnknownEvent",
    "UnsupportedTask",
    "WorkerDied",
]


class PegboardError(Exception):
    """Base of every error that Pegboard itself raises.

    The names and values that appear in the text are attributes too. Errors survive pickling with both.

    Attributes:
        retryable: Whether trying again could help. A retry leaves the others alone, unless they are named to it.
        parked: Whether it says nothing of the work, which is taken up later: what was done is not undone for it.
    """

    retryable: ClassVar[bool] = False
    parked: ClassVar[bool] = False

    def __init__(self, message: str, /, **facts: Any) -> None:
        super().__init__(message)
        self.__dict__.update(facts)

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self.args, dict(self.__dict__))


def _restore(cls: type[PegboardError], args: tuple[Any, ...], facts: dict[str, Any]) -> PegboardError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(facts)
    return error


class MissingPlugin(PegboardError, ImportError):  # noqa: N818 - the name users read in tracebacks
    """Raised when an option, a public name or a session asks for a plugin that is not installed or attached.

    Attributes:
        plugin: Name of the plugin that is missing.
    """

    plugin: str


class PluginConflict(PegboardError, ValueError):  # noqa: N818
    """Raised when one plugin name is claimed twice.

    Attributes:
        plugin: The name.
        claimants: Who claims it: distributions, or reprs of plugin types.
    """

    plugin: str
    claimants: tuple[str, ...]


class InvalidPlugin(PegboardError, TypeError):  # noqa: N818
    """Raised when an object cannot be attached: a class, a misspelt hook, an `async def` observer, a wrapper.

    Attributes:
        plugin: Name of the plugin.
        hook: The hook at fault, or "".
    """

    plugin: str
    hook: str


class BindError(PegboardError):
    """Raised when a plugin's `bind` fails or returns something that is no layer, scope or observer.

    Attributes:
        plugin: Name of the plugin.
        task: Name of the task.
    """

    plugin: str
    task: str


class UnsupportedTask(BindError, TypeError):  # noqa: N818
    """Raised when a layer or an option cannot wrap a task of this kind.

    Attributes:
        kind: Kind of the task.
    """

    kind: str


class InvalidTask(PegboardError, TypeError):  # noqa: N818
    """Raised at decoration: no function, an unknown option, two options that contradict each other."""


class InvalidName(InvalidTask, ValueError):  # noqa: N818
    """Raised at decoration when a task's name holds anything but `{parameter}` and `{map_index}`.

    Attributes:
        name: The name as given.
    """

    name: str


class ConfigError(PegboardError, ValueError):
    """Raised when a configuration file or environment variable cannot be used as it is.

    Attributes:
        where: The file or variable.
        key: The setting at fault, or "".
    """

    where: str
    key: str


class SessionError(PegboardError, RuntimeError):
    """Raised when a session is used in a state that does not allow it."""


class UnknownEvent(PegboardError, LookupError):  # noqa: N818
    """Raised by `call.emit` and `session.ask` for a hook that no spec of the session describes.

    Attributes:
        event: The name as given.
    """

    event: str


class AwaitInSyncTask(PegboardError, RuntimeError):  # noqa: N818
    """Raised when a layer of a sync task awaits something that really suspends.

    Attributes:
        plugin: Name of the plugin whose layer awaited.
        layer: Name of that layer.
        task: Name of the task.
    """

    plugin: str
    layer: str
    task: str


class NotAwaited(PegboardError, RuntimeError):  # noqa: N818
    """Raised when a layer returns what it proceeds to instead of awaiting it, so that the function never runs.

    Attributes:
        plugin: Name of the plugin whose layer it is.
        layer: Name of that layer.
        task: Name of the task.
    """

    plugin: str
    layer: str
    task: str


class MustBeAwaited(PegboardError, TypeError):  # noqa: N818
    """Raised where sync code gets a value that has to be awaited: handed on, it would never be.

    Attributes:
        task: Name of the task, or of the function, that returned it.
    """

    task: str


class NeedsAsyncio(PegboardError, RuntimeError):  # noqa: N818
    """Raised where something has to be awaited, and asyncio's event loop does not run: under trio, say.

    Attributes:
        library: What runs instead, as `sniffio` calls it; "" where nothing does.
    """

    library: str


class MapError(PegboardError, ExceptionGroup[Exception]):
    """Raised by a group of calls with `on_error="aggregate"`, once all have run and some of them failed.

    `except*` and `split` work as on every ExceptionGroup; the parts keep `results`, and `errors` as far as they are theirs.

    Attributes:
        results: What each call gave, in input order; the error where it failed.
        errors: The errors, by position in the input, from 0.
    """

    results: list[Any]
    errors: dict[int, Exception]

    def __new__(
        cls,
        message: str,
        *,
        errors: Mapping[int, Exception],
        exceptions: Sequence[Exception] | None = None,
        **facts: Any,  # noqa: ARG004 - for __init__
    ) -> Self:
        """Make the group of these errors; the facts become attributes."""
        return super().__new__(cls, message, [*errors.values()] if exceptions is None else exceptions)

    def __init__(
        self,
        message: str,
        *,
        exceptions: Sequence[Exception] | None = None,  # noqa: ARG002 - for __new__
        **facts: Any,
    ) -> None:
        PegboardError.__init__(self, message, **facts)

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore_map_error, (str(self), list(self.exceptions), dict(self.__dict__))

    def __str__(self) -> str:
        return self.message

    def derive(self, excs: Sequence[Exception]) -> MapError:  # type: ignore[override]
        """Make the group for a part of these errors."""
        part = {id(error) for error in excs}
        errors = {index: error for index, error in self.errors.items() if id(error) in part}
        return MapError(self.message, exceptions=excs, results=self.results, errors=errors)


def _restore_map_error(message: str, exceptions: list[Exception], facts: dict[str, Any]) -> MapError:
    return MapError(message, exceptions=exceptions, **facts)


class RemoteError(PegboardError, RuntimeError):
    """Raised for an error of a function in another process that cannot be pickled, or not be made again from its pickle.

    Attributes:
        task: Name of the task.
        type: Module and name of the error's class.
        message: Its text; "" for a sensitive task.
        traceback: Where it was raised, as text; "" for a sensitive task.
    """

    retryable = True
    task: str
    type: str
    message: str
    traceback: str


class TransportError(PegboardError, TypeError):
    """Raised when a function, an argument or a result cannot travel between processes.

    Attributes:
        task: Name of the task.
        index: Position in the map, from 0; None outside of one.
        what: `the function`, `its arguments` or `its result`.
        type: Module and name of the value's class.
    """

    task: str
    index: int | None
    what: str
    type: str


class WorkerDied(PegboardError, RuntimeError):  # noqa: N818
    """Raised when the process that ran a function ended before it answered, or when none could be started to run it.

    Attributes:
        task: Name of the task.
        index: Position in the map, from 0; None outside of one.
        pid: The process, where that is known.
    """

    retryable = True
    task: str
    index: int | None
    pid: int | None


class TaskTimeout(PegboardError, TimeoutError):  # noqa: N818
    """Raised when an attempt took longer than its limit.

    Attributes:
        task: Name of the task.
        seconds: The limit, in seconds.
    """

    retryable = True
    label: ClassVar[str] = "timeout"
    task: str
    seconds: float


class DeadlineExceeded(TaskTimeout):
    """Raised when a whole call, waits included, took longer than its limit."""

    label = "deadline"


class Suspended(BaseException):
    """Leaves a call whose work is parked and will be taken up later by another run.

    It is no `Exception`, so that no handler in a task's body can swallow it: a suspended call is neither retried
    nor recovered, and its status is `suspended`.
    """


def is_parked(error: BaseException) -> bool:
    """Whether the work of a call that this leaves is taken up later: a suspension, or several and nothing else."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(is_parked, error.exceptions))
    return isinstance(error, Suspended) or (isinstance(error, PegboardError) and error.parked)
