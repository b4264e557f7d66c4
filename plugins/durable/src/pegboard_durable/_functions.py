"""What a durable run's code calls: steps of any function, services, and recorded values."""

from __future__ import annotations

import functools
import random as _random
import time as _time
import uuid as _uuid
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar, overload

import attrs

from pegboard import Task, current_session
from pegboard.parts import checks
from pegboard.parts.awaiting import loop_runs_here
from pegboard_durable._codec import decode, encode
from pegboard_durable._errors import NotInRun, UnknownService
from pegboard_durable._option import Durable
from pegboard_durable._position import POSITION, position_for
from pegboard_durable._records import StepInfo
from pegboard_durable._tasks import TASKS

T = TypeVar("T")
_MOST = 16 * 1024 * 1024
_NAME = checks.text()
_DURABLE = Durable()


def refuse_in_loop(what: str) -> None:
    """Refuse what blocks where an event loop runs.

    Raises:
        NotInRun: One does.
    """
    if loop_runs_here():
        raise NotInRun(
            f"{what}() blocks, and an event loop runs here, in which nothing else could go on meanwhile: await a{what}() there.",
            what=what,
        )


def refuse_without_loop(what: str) -> None:
    """Refuse what is awaited where no event loop runs.

    Raises:
        NotInRun: None does.
    """
    if not loop_runs_here():
        raise NotInRun(
            f"a{what}() is awaited, and no event loop runs here: call {what}() there.", what=f"a{what}"
        )


# Steps.


def _step_task(name: str, function: Callable[..., Any], options: Durable) -> Task[..., Any]:
    try:
        return _made(name, function, options)
    except TypeError:
        if _is_hashable(function):
            raise
        return _made.__wrapped__(name, function, options)


def _is_hashable(function: object) -> bool:
    try:
        hash(function)
    except TypeError:
        return False
    return True


@functools.lru_cache(maxsize=1024)
def _made(name: str, function: Callable[..., Any], options: Durable) -> Task[..., Any]:
    with TASKS.unchanged():  # what is a step under another name is no other task
        called = functools.partial(function) if isinstance(function, type) else function
        task: Task[..., Any] = called if isinstance(called, Task) else Task(called)
        options = attrs.evolve(
            options, key=options.key or name
        )  # a task's name may hold braces only in pairs
        return task.with_options(options, name=name.replace("{", "{{").replace("}", "}}"))


def step(
    name: str,
    function: Callable[..., T],
    /,
    *args: Any,
    options: Durable = _DURABLE,
    **kwargs: Any,
) -> T:
    """Call any function as a step of the run: its outcome is recorded, and a resumed run gets it without calling it again.

    Args:
        name: Of the step in the journal.
        function: The function, or a task; no async one.
        args: Its arguments.
        options: As for a task.
        kwargs: Its arguments by name.

    Raises:
        NotInRun: It is called in no run, or where an event loop runs: there, `astep`.
    """
    task = _checked_step("step", name, function, options)
    refuse_in_loop("step")
    if task.kind == "coroutine":
        raise TypeError(
            f"step({name!r}): {task.__qualname__} is async, and step() awaits nothing.\n"
            f"Make the task around it async, and await astep({name!r}, ...) there."
        )
    value: T = task(*args, **kwargs)
    return value


@overload
def astep(
    name: str,
    function: Callable[..., Awaitable[T]],
    /,
    *args: Any,
    options: Durable = ...,
    **kwargs: Any,
) -> Coroutine[Any, Any, T]: ...
@overload
def astep(
    name: str, function: Callable[..., T], /, *args: Any, options: Durable = ..., **kwargs: Any
) -> Coroutine[Any, Any, T]: ...
def astep(
    name: str,
    function: Callable[..., Any],
    /,
    *args: Any,
    options: Durable = _DURABLE,
    **kwargs: Any,
) -> Any:
    """Do what `step` does, to be awaited: the body of a function that is not async runs in a thread."""
    task = _checked_step("astep", name, function, options)
    refuse_without_loop("step")
    return task.acall(*args, **kwargs)


def _checked_step(what: str, name: str, function: object, options: object) -> Task[..., Any]:
    position_for(what)
    _NAME.check("name", name, owner=what)
    if not callable(function):
        raise TypeError(
            f"{what}({name!r}) takes a function and its arguments, not {checks.shown(function)}: "
            f"{what}({name!r}, function, argument)."
        )
    if not isinstance(options, Durable):
        raise TypeError(f"{what}({name!r}): options is a Durable(...), not {checks.shown(options)}.")
    return _step_task(name, function, options)


# Services.


def call(service: str, method: str, data: Any = None) -> Any:
    """Call a method of a service as a step of the run.

    Args:
        service: Its name among `Durability(services=...)`.
        method: Of the service; called with `data` alone.
        data: Its argument.

    Raises:
        UnknownService: There is no such service, or it has no such method.
        NotInRun: It is called in no run, or where an event loop runs: there, `acall`.
    """
    function = _method("call", service, method)
    refuse_in_loop("call")
    return step(f"{service}.{method}", function, data)


def acall(service: str, method: str, data: Any = None) -> Coroutine[Any, Any, Any]:
    """Do what `call` does, to be awaited; the method may be async."""
    function = _method("acall", service, method)
    refuse_without_loop("call")
    return astep(f"{service}.{method}", function, data)


def _method(what: str, service: str, method: str) -> Callable[[Any], Any]:
    services = position_for(what).execution.settings.services
    _NAME.check("service", service, owner=what)
    _NAME.check("method", method, owner=what)
    found = services.get(service)
    if found is None:
        known = ", ".join(map(repr, services)) or "none"
        raise UnknownService(
            f"{what}: there is no service {service!r}. Name it in Durability(services={{{service!r}: ...}}). Known: {known}.",
            service=service,
            method=method,
        )
    if isinstance(found, Mapping):
        function = found.get(method)
    else:
        function = None if method.startswith("_") else getattr(found, method, None)
    if not callable(function):
        raise UnknownService(
            f"{what}: the service {service!r} has no method {method!r} that could be called.",
            service=service,
            method=method,
        )
    found_method: Callable[[Any], Any] = function
    return found_method


# Recorded values.


def _recorded(name: str, make: Callable[[], T]) -> T:
    position = POSITION.get()
    if position is None:
        return make()
    position.execution.check()
    key = position.key(f"@{name}")
    found = position.execution.read(key)
    if found is not None and found.value is not None:
        value: T = decode(found.value)
        return value
    value = make()
    position.buffer(position.step(key, "value", "ok", encode(value, task=name, most=_MOST)))
    return value


def now() -> float:
    """Return the wall-clock time, seconds since the Unix epoch, UTC: in a run that which was recorded, of its session's clock."""
    position = POSITION.get()
    return _recorded("now", _time.time if position is None else position.execution.clock.time)


def uuid4() -> _uuid.UUID:
    """Return a random UUID; in a run that which was recorded."""
    return _recorded("uuid4", _uuid.uuid4)


def random() -> float:
    """Return a random number from 0 to below 1; in a run that which was recorded."""
    return _recorded("random", _random.random)


def randint(least: int, most: int) -> int:
    """Return a random whole number from `least` to `most`; in a run that which was recorded."""
    return _recorded("randint", lambda: _random.randint(least, most))  # noqa: S311 - as the plain function


def randrange(start: int, stop: int | None = None, step: int = 1) -> int:
    """Return a random number of that range; in a run that which was recorded."""
    return _recorded("randrange", lambda: _random.randrange(start, stop, step))  # noqa: S311


def choice(values: Sequence[T]) -> T:
    """Return one of some values; in a run that which was recorded."""
    return _recorded("choice", lambda: _random.choice(values))  # noqa: S311


# Where the code is.


def run_id() -> str:
    """Return the id of the run that the code belongs to.

    Raises:
        NotInRun: It is called in no run.
    """
    return position_for("run_id").execution.run_id


def idempotency_key() -> str:
    """Return a key for outside systems: the same for this step in every attempt and resumed run, and for no other.

    Raises:
        NotInRun: It is called in no run.
    """
    position = position_for("idempotency_key")
    return StepInfo(position.execution.run_id, position.scope).idempotency_key


# Signals.


def signal(run_id: str, name: str, value: Any = None, *, id: str | None = None) -> bool:  # noqa: A002
    """Send a signal to a run of the journal of this session, which takes it at its `pause`, now or later.

    Args:
        run_id: The run.
        name: Of the signal.
        value: What `pause` returns.
        id: Sent twice with the same id, it is one signal. In a run it has one by itself, so that it is not sent again on replay.

    Returns:
        Whether it is a new one.

    Raises:
        UnknownRun: There is no such run.
        MissingPlugin: The session has no `Durability`.
    """
    from pegboard_durable._plugin import Durability

    position = POSITION.get()
    if id is None and position is not None:
        position.execution.check()
        id = StepInfo(position.execution.run_id, position.key("@signal")).idempotency_key  # noqa: A001
    sent: bool = _session()[Durability].signal(run_id, name, value, id=id)
    return sent


def _session() -> Any:
    session = current_session()
    if session is None:
        raise NotInRun(
            "signal() is called where no session is open: call it in one with a Durability plugin, or use its method.",
            what="signal",
        )
    return session
