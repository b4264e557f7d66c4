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
    └── TaskTimeout            a call or attempt took longer than it was allowed to
        └── DeadlineExceeded   ... counted over the whole call

A task's own exception is never wrapped in one of these: it leaves the call as it was raised.
"""

from __future__ import annotations

from typing import Any, ClassVar


class PegboardError(Exception):
    """Base of every error that Pegboard itself raises.

    The names and values that appear in the text are attributes too. Errors survive pickling with both.

    Attributes:
        retryable: Whether trying again could help. A retry leaves the others alone, unless they are named to it.
    """

    retryable: ClassVar[bool] = False

    def __init__(self, message: str, **facts: Any) -> None:
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
    """Raised by `call.emit` for an event that no hook spec of the session describes.

    Attributes:
        event: The name as given.
    """

    event: str


class AwaitInSyncTask(PegboardError, RuntimeError):  # noqa: N818
    """Raised when a layer of a sync task awaits something that really suspends.

    Attributes:
        plugin: Name of the layer that awaited.
        task: Name of the task.
    """

    plugin: str
    task: str


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
