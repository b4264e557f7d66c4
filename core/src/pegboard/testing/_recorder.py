"""A plugin that keeps every event."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from pegboard.hookspecs import hookimpl

if TYPE_CHECKING:
    from pegboard.calls.call import Call
    from pegboard.records import Outcome
    from pegboard.running.group import Group


@attrs.frozen
class Event:
    """One event that a recorder was told.

    Attributes:
        hook: Name of the hook spec.
        subject: The call or group it is about.
        details: The other arguments, by name.
    """

    hook: str
    subject: Call | Group
    details: Mapping[str, Any] = attrs.field(factory=dict)

    @property
    def task(self) -> str:
        """Static name of the task; of the group's task for an event about a group."""
        return self.subject.task.name if self.subject.task is not None else self.subject.name

    def __str__(self) -> str:
        """Give hook and details in short: `on_retry 1 OSError 0.5`, with `unrun` behind it for a try that was no attempt."""
        return " ".join([self.hook, *(text for value in self.details.values() if (text := _short(value)))])


def _short(value: object) -> str:
    if isinstance(value, bool):  # whether a try ran the function
        return "" if value else "unrun"
    if isinstance(value, BaseException):
        return type(value).__name__
    status = getattr(value, "status", None)
    if status is not None:
        return f"{status}/{value.source} {value.attempts}"  # type: ignore[attr-defined]
    return "" if value is None else str(value)


class Recorder:
    """Keeps every event of the sessions it is attached to, in the order told.

    Attributes:
        events: The events so far. Appending is atomic, so threads lose none.
    """

    name = "recorder"

    def __init__(self, name: str = "recorder") -> None:
        self.name = name
        self.events: list[Event] = []

    def log(self, task: str | None = None) -> list[str]:
        """Return the events in short, one string each; only of one task, if its name is given."""
        return [str(event) for event in self.events if task is None or event.task == task]

    def of(self, hook: str) -> list[Event]:
        """Return the events of one hook."""
        return [event for event in self.events if event.hook == hook]

    def unbalanced(self) -> list[Call | Group]:
        """Return the calls and groups whose beginnings and ends were not told exactly once each, attempts included."""
        counts: dict[int, list[int]] = {}
        subjects: dict[int, Call | Group] = {}
        for event in self.events:
            index = _PAIRS.get(event.hook)
            if index is not None:
                subjects[id(event.subject)] = event.subject
                counts.setdefault(id(event.subject), [0, 0, 0, 0])[index] += 1
        return [
            subjects[key]
            for key, (begun, ended, tries, tried) in counts.items()
            if begun != 1 or ended != 1 or tries != tried
        ]

    def clear(self) -> None:
        """Forget everything."""
        self.events.clear()

    def _keep(self, hook: str, subject: Call | Group, **details: Any) -> None:
        self.events.append(Event(hook, subject, details))

    @hookimpl
    def before_group(self, group: Group) -> None:
        self._keep("before_group", group)

    @hookimpl
    def before_execute(self, call: Call) -> None:
        self._keep("before_execute", call)

    @hookimpl
    def on_cache_hit(self, call: Call, key: str) -> None:
        self._keep("on_cache_hit", call, key=key)

    @hookimpl
    def on_cache_miss(self, call: Call, key: str) -> None:
        self._keep("on_cache_miss", call, key=key)

    @hookimpl
    def on_wait(self, call: Call, what: str, seconds: float) -> None:
        self._keep("on_wait", call, what=what, seconds=seconds)

    @hookimpl
    def before_attempt(self, call: Call, attempt: int) -> None:
        self._keep("before_attempt", call, attempt=attempt)

    @hookimpl
    def after_attempt(self, call: Call, attempt: int, error: BaseException | None) -> None:
        self._keep("after_attempt", call, attempt=attempt, error=error)

    @hookimpl
    def on_retry(self, call: Call, attempt: int, error: Exception, delay: float, ran: bool) -> None:
        self._keep("on_retry", call, attempt=attempt, error=error, delay=delay, ran=ran)

    @hookimpl
    def on_iteration(self, call: Call, index: int, item: Any) -> None:
        self._keep("on_iteration", call, index=index, item=item)

    @hookimpl
    def on_error(self, call: Call, error: Exception) -> None:
        self._keep("on_error", call, error=error)

    @hookimpl
    def after_execute(self, call: Call, outcome: Outcome) -> None:
        self._keep("after_execute", call, outcome=outcome)

    @hookimpl
    def after_group(self, group: Group, outcome: Outcome) -> None:
        self._keep("after_group", group, outcome=outcome)


_PAIRS: Mapping[str, int] = {
    "before_execute": 0,
    "before_group": 0,
    "after_execute": 1,
    "after_group": 1,
    "before_attempt": 2,
    "after_attempt": 3,
}


OBSERVERS = (
    "before_group",
    "before_execute",
    "on_cache_hit",
    "on_cache_miss",
    "on_wait",
    "before_attempt",
    "after_attempt",
    "on_retry",
    "on_iteration",
    "on_error",
    "after_execute",
    "after_group",
)


class FaultyPlugin:
    """Raises in every observer, or in those named; by design, nothing of it may be noticed by a task.

    Args:
        error: What to raise: an exception, or its class.
        hooks: Names of the observers that fail.
        name: The plugin's name.
    """

    def __init__(
        self,
        error: BaseException | type[BaseException] = ValueError,
        *,
        hooks: Iterable[str] = OBSERVERS,
        name: str = "faulty",
    ) -> None:
        self.name = name
        for hook in hooks:
            setattr(self, hook, hookimpl(_raiser(error, hook)))


def _raiser(error: BaseException | type[BaseException], hook: str) -> Callable[..., None]:
    def about_call(call: Any) -> None:  # noqa: ARG001 - pluggy reads the name
        raise error

    def about_group(group: Any) -> None:  # noqa: ARG001
        raise error

    return about_group if hook.endswith("_group") else about_call
