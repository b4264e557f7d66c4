"""Waits that outlive the process: for a time, and for a signal."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from pegboard import Suspended, current_call
from pegboard.parts import checks
from pegboard_durable._codec import decode
from pegboard_durable._errors import DurableError
from pegboard_durable._functions import refuse_in_loop, refuse_without_loop
from pegboard_durable._position import escaped, position_for

if TYPE_CHECKING:
    from pegboard_durable._position import Position
    from pegboard_durable._records import Step

_SECONDS = checks.seconds()
_TIMEOUT = checks.seconds().or_none("as long as it takes")
_NAME = checks.text()


class SignalTimeout(DurableError, TimeoutError):  # noqa: N818 - as TimeoutError
    """Raised by `pause` when no signal came in time; recorded, so that a resumed run raises it again.

    Attributes:
        name: Of the signal.
    """

    name: str


def sleep(seconds: float) -> None:
    """Wait; a resumed run waits for what is left. One of more than a minute suspends the run.

    Args:
        seconds: How long. 0 does nothing.

    Raises:
        NotInRun: It is called in no run, or where an event loop runs: there, `asleep`.
        Suspended: The wait is long: the run goes on when it is resumed after it.
    """
    seconds = _SECONDS.check("seconds", seconds, owner="sleep")
    position = position_for("sleep")
    refuse_in_loop("sleep")
    if seconds == 0:
        return
    begun = _begin_sleep(position, position.key("@sleep"), seconds)
    if begun.status == "waiting":
        wait = _wait(position, begun)
        try:
            wait.send(None)  # of a sync call, it blocks and never suspends
        except StopIteration:
            pass
        position.write(begun._replace(status="ok"))


def asleep(seconds: float) -> Coroutine[Any, Any, None]:
    """Do what `sleep` does, to be awaited."""
    seconds = _SECONDS.check("seconds", seconds, owner="asleep")
    position = position_for("asleep")
    refuse_without_loop("sleep")
    return _asleep(position, "" if seconds == 0 else position.key("@sleep"), seconds)


async def _asleep(position: Position, key: str, seconds: float) -> None:
    if seconds == 0:
        return
    begun = await position.execution.io(position.call, _begin_sleep, position, key, seconds)
    if begun.status == "waiting":
        await _wait(position, begun)
        await position.writing(position.call, begun._replace(status="ok"))


def _begin_sleep(position: Position, key: str, seconds: float) -> Step:
    """Record a sleep, or find it recorded; its status says whether to wait.

    Raises:
        Suspended: The wait is too long to wait for it here.
    """
    execution = position.execution
    found = execution.read(key)
    if found is not None and found.status == "ok":
        return found
    execution.check_new(is_undo=position.is_undo)
    position.refuse_transaction("sleep() is called")
    if found is None:
        found = position.step(key, "sleep", "waiting", duration=seconds)
        position.write(found)
    if _left(position, found) > execution.settings.suspend_after:
        until = found.started_at + found.duration
        execution.wake = min(execution.wake, until)
        raise Suspended(f"sleeps until {until:.0f}")
    return found


def _left(position: Position, begun: Step) -> float:
    """Seconds that are left of a sleep; a clock that was set back lets nobody sleep longer than was asked for."""
    return min(begun.started_at + begun.duration - position.execution.clock.time(), begun.duration)


def _wait(position: Position, begun: Step) -> Any:
    call = current_call() or position.call
    return call.sleep(_left(position, begun))


def pause(name: str, timeout: float | None = None) -> Any:
    """Wait for a signal, however long: the run is suspended, and takes no process meanwhile.

    Args:
        name: Of the signal.
        timeout: Seconds after which it is given up; None waits for ever.

    Returns:
        What the signal brought.

    Raises:
        NotInRun: It is called in no run, or where an event loop runs: there, `apause`.
        Suspended: No signal is there: the run goes on when it is resumed.
        SignalTimeout: None came in time.
    """
    position, key = _begin_pause("pause", name, timeout)
    refuse_in_loop("pause")
    return _pause(position, key, name, timeout)


def apause(name: str, timeout: float | None = None) -> Coroutine[Any, Any, Any]:
    """Do what `pause` does, to be awaited."""
    position, key = _begin_pause("apause", name, timeout)
    refuse_without_loop("pause")
    return _apause(position, key, name, timeout)


async def _apause(position: Position, key: str, name: str, timeout: float | None) -> Any:  # noqa: ASYNC109
    return await position.execution.io(position.call, _pause, position, key, name, timeout)


def _begin_pause(what: str, name: str, timeout: float | None) -> tuple[Position, str]:
    _NAME.check("name", name, owner=what)
    _TIMEOUT.check("timeout", timeout, owner=what)
    position = position_for(what)
    return position, position.key(f"@pause:{escaped(name)}")


def _pause(position: Position, key: str, name: str, timeout: float | None) -> Any:
    execution = position.execution
    found = execution.read(key)
    if found is not None and found.status == "ok":
        return decode(found.value or b"")
    if found is not None and found.status == "error":
        raise _timed_out(name)
    execution.check_new(is_undo=position.is_undo)
    waiting = found or position.step(key, "wait", "waiting", duration=-1.0 if timeout is None else timeout)
    if position.has_unwritten:
        position.settle()
    signalled = execution.take_signal(name, waiting._replace(status="ok"), lambda value: value)
    if signalled is not None:
        return decode(signalled)
    until = waiting.started_at + waiting.duration if waiting.duration >= 0 else None
    if until is not None and execution.clock.time() >= until:
        position.write(waiting._replace(status="error"))
        raise _timed_out(name)
    if found is None:
        position.write(waiting)
    if until is not None:
        execution.wake = min(execution.wake, until)
    raise Suspended(f"waits for the signal {name!r}")


def _timed_out(name: str) -> SignalTimeout:
    return SignalTimeout(f"no signal {name!r} came in time.", name=name)
