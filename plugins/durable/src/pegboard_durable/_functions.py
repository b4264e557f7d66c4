"""What a durable run's code calls: steps of any function, recorded values, waits, signals and what a run keeps."""

from __future__ import annotations

import functools
import random as _random
import time as _time
import uuid as _uuid
from collections.abc import Callable, Iterable, Iterator, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

from pegboard import Suspended, Task
from pegboard.parts import checks
from pegboard_durable._codec import decode, encode
from pegboard_durable._errors import DurableError, NotInRun
from pegboard_durable._execution import POSITION, position_for
from pegboard_durable._option import Durable

if TYPE_CHECKING:
    from pegboard_durable._execution import Position
    from pegboard_durable._records import Step

T = TypeVar("T")
_MOST = 16 * 1024 * 1024
_SECONDS = checks.seconds()
_PLAIN = Durable()
_private = _random.SystemRandom()


class SignalTimeout(DurableError, TimeoutError):  # noqa: N818 - as TimeoutError
    """Raised by `pause` when no signal came in time; recorded, so that a resumed run raises it again.

    Attributes:
        name: Of the signal.
    """

    name: str


@functools.lru_cache(maxsize=1024)
def _step_task(name: str, function: Callable[..., Any], options: Durable) -> Task[..., Any]:
    made = cast("Task[..., Any]", function) if isinstance(function, Task) else Task[..., Any](function)
    return made.with_options(options, name=name.replace("{", "{{").replace("}", "}}"))


def step(
    name: str,
    function: Callable[..., T],
    /,
    *args: Any,
    options: Durable = _PLAIN,
    **kwargs: Any,
) -> T:
    """Call any function as a step of the run: its outcome is recorded, and a resumed run gets it without calling it again.

    A coroutine function gives a coroutine, as a task of one does.

    Args:
        name: Of the step in the journal.
        function: The function, or a task.
        args: Its arguments.
        options: As for a task.
        kwargs: Its arguments by name.

    Raises:
        NotInRun: It is called in no run.
    """
    position_for("step")
    value: T = _step_task(name, function, options)(*args, **kwargs)
    return value


# Recorded values.


def _recorded(name: str, make: Callable[[], T]) -> T:
    position = POSITION.get()
    if position is None:
        return make()
    position.execution.check()
    key = position.key(f"@{name}")
    found = position.execution.records.get(key)
    if found is not None and found.value is not None:
        value: T = decode(found.value)
        return value
    value = make()
    position.buffer(position.step(key, "value", "ok", encode(value, task=name, most=_MOST)))
    return value


def now() -> float:
    """Return the wall-clock time, seconds since the Unix epoch, UTC: in a run that which was recorded."""
    return _recorded("now", _time.time)


def uuid4() -> _uuid.UUID:
    """Return a random UUID; in a run that which was recorded."""
    return _recorded("uuid4", _uuid.uuid4)


def random() -> float:
    """Return a random number from 0 to below 1; in a run that which was recorded."""
    return _recorded("random", _private.random)


def randint(least: int, most: int) -> int:
    """Return a random whole number from `least` to `most`; in a run that which was recorded."""
    return _recorded("randint", lambda: _private.randint(least, most))


def randrange(start: int, stop: int | None = None, step: int = 1) -> int:
    """Return a random number of that range; in a run that which was recorded."""
    return _recorded("randrange", lambda: _private.randrange(start, stop, step))


def choice(values: Sequence[T]) -> T:
    """Return one of some values; in a run that which was recorded."""
    return _recorded("choice", lambda: _private.choice(values))


# Waits.


def _refuse_in_coroutine(what: str, position: Position) -> None:
    if position.call.is_async:
        raise NotInRun(
            f"{what}() blocks, and is called in the coroutine {position.call.task.name!r}: await a{what}() there.",
            what=what,
        )


def sleep(seconds: float) -> None:
    """Wait; a resumed run waits for what is left. One of more than a minute suspends the run.

    Args:
        seconds: How long. 0 does nothing.

    Raises:
        NotInRun: It is called in no run, or in a coroutine.
        Suspended: The wait is long: the run goes on when it is resumed after it.
    """
    seconds = _SECONDS.check("seconds", seconds, owner="sleep")
    position = position_for("sleep")
    _refuse_in_coroutine("sleep", position)
    left = _begin_sleep(position, seconds)
    if left is not None:
        position.execution.clock.sleep(left.duration_left)
        position.execution.write(position.taken(left.step._replace(status="ok")))


async def asleep(seconds: float) -> None:
    """Do what `sleep` does, in a coroutine."""
    seconds = _SECONDS.check("seconds", seconds, owner="asleep")
    position = position_for("asleep")
    left = await position.call.io(_begin_sleep, position, seconds)
    if left is not None:
        await position.execution.clock.asleep(left.duration_left)
        await position.execution.awrite(position.taken(left.step._replace(status="ok")))


class _Left:
    def __init__(self, step: Step, duration_left: float) -> None:
        self.step = step
        self.duration_left = duration_left


def _begin_sleep(position: Position, seconds: float) -> _Left | None:
    if seconds == 0:
        return None
    execution = position.execution
    key = position.key("@sleep")
    found = execution.records.get(key)
    if found is not None and found.status == "ok":
        return None
    now_ = execution.clock.time()
    if found is None:
        found = position.step(key, "sleep", "waiting", started_at=now_, duration=seconds)
        execution.write(position.taken(found))
    # A clock that was set back lets nobody sleep longer than was asked for.
    left = min(found.started_at + found.duration - now_, found.duration)
    if left > execution.suspend_after:
        execution.wake = min(execution.wake, found.started_at + found.duration)
        raise Suspended(f"sleeps until {found.started_at + found.duration:.0f}")
    return _Left(found, max(left, 0.0))


def pause(name: str, timeout: float | None = None) -> Any:
    """Wait for a signal, however long: the run is suspended, and takes no process meanwhile.

    Args:
        name: Of the signal.
        timeout: Seconds after which it is given up; None waits for ever.

    Returns:
        What the signal brought.

    Raises:
        NotInRun: It is called in no run, or in a coroutine.
        Suspended: No signal is there: the run goes on when it is resumed.
        SignalTimeout: None came in time.
    """
    position = position_for("pause")
    _refuse_in_coroutine("pause", position)
    return _pause(position, name, timeout)


async def apause(name: str, timeout: float | None = None) -> Any:  # noqa: ASYNC109 - as `pause` has it
    """Do what `pause` does, in a coroutine."""
    position = position_for("apause")
    return await position.call.io(_pause, position, name, timeout)


def _pause(position: Position, name: str, timeout: float | None) -> Any:
    execution = position.execution
    key = position.key(f"@pause:{name}")
    found = execution.records.get(key)
    if found is not None and found.status == "ok":
        return decode(found.value or b"")
    if found is not None and found.status == "error":
        raise _timed_out(name)
    now_ = execution.clock.time()
    waiting = found or position.step(
        key, "wait", "waiting", started_at=now_, duration=-1.0 if timeout is None else timeout
    )
    before = position.taken()
    if before:
        execution.write(before)
    signalled = execution.take_signal(name, waiting._replace(status="ok"), _as_sent)
    if signalled is not None:
        return decode(signalled)
    until = waiting.started_at + waiting.duration if waiting.duration >= 0 else None
    if until is not None and now_ >= until:
        execution.write([waiting._replace(status="error")])
        raise _timed_out(name)
    if found is None:
        execution.write([waiting])
    if until is not None:
        execution.wake = min(execution.wake, until)
    raise Suspended(f"waits for the signal {name!r}")


def _as_sent(value: bytes) -> bytes:
    return value


def _timed_out(name: str) -> SignalTimeout:
    return SignalTimeout(f"no signal {name!r} came in time.", name=name)


# What a run keeps.


class State(MutableMapping[str, Any]):
    """What a run keeps, by name: written to the journal with the step that writes it, and there again when it is resumed.

    Outside of a run there is nothing, and nothing can be written.
    """

    def __getitem__(self, name: str) -> Any:
        return position_for("state").execution.values[name]

    def __setitem__(self, name: str, value: Any) -> None:
        position = position_for("state")
        key = position.key("@state")
        execution = position.execution
        if key not in execution.records:
            data = encode((name, value), task="state", most=_MOST)
            written = position.step(key, "state", "ok", data)
            if position.scope:
                position.buffer(written)
            else:
                execution.write(position.taken(written))
        execution.values[name] = value

    def __delitem__(self, name: str) -> None:
        raise TypeError("what a run keeps cannot be deleted: write None.")

    def __iter__(self) -> Iterator[str]:
        return iter(position_for("state").execution.values)

    def __len__(self) -> int:
        return len(position_for("state").execution.values)


state = State()


def checkpointed(items: Iterable[T], key: str | Callable[[T], str] | None = None) -> Iterator[T]:
    """Go through items, and note each one that was done: a resumed run goes on with the first that was not.

    Args:
        items: Them.
        key: What tells them apart: a function of an item, or the name of an attribute or key; None is their index.

    Raises:
        NotInRun: It is called in no run.
        ValueError: Two items have the same key.
    """
    position = position_for("checkpointed")
    loop = position.key("@checkpointed")
    seen: set[str] = set()
    for index, item in enumerate(items):
        name = _name_of_item(item, index, key)
        if name in seen:
            raise ValueError(f"checkpointed: two items have the key {name!r}.")
        seen.add(name)
        at = f"{loop}[{name}]"
        if at in position.execution.records:
            continue
        yield item
        position.execution.check()
        position.execution.write(position.taken(position.step(at, "value", "ok")))


def _name_of_item(item: Any, index: int, key: Any) -> str:
    if key is None:
        return str(index)
    if callable(key):
        return str(key(item))
    return str(cast("dict[str, Any]", item)[key] if isinstance(item, dict) else getattr(item, key))


def run_id() -> str:
    """Return the id of the run that the code belongs to."""
    return position_for("run_id").execution.run_id


def idempotency_key() -> str:
    """Return a key for outside systems: the same for this step in every attempt and resumed run, and for no other.

    Raises:
        NotInRun: It is called in no run.
    """
    import hashlib

    position = position_for("idempotency_key")
    text = f"{position.execution.run_id}\n{position.scope}"
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
