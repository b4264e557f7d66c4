"""The manners every plugin has to have, checked on real tasks."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import ContextVar, copy_context
from typing import TYPE_CHECKING, Any

from pegboard.current import current_call
from pegboard.sessions.session import Session
from pegboard.tasks.task import Task, task
from pegboard.testing._recorder import Recorder

if TYPE_CHECKING:
    from pegboard.options import Option


_UNSET = object()
_GRACE = 0.5  # seconds


class _Boom(Exception):  # noqa: N818 - the error that checked tasks raise
    pass


def check_plugin(make: Callable[[], object], *options: Option) -> None:
    """Check that a plugin has the manners that Pegboard promises for all of them.

    Runs tasks of all four kinds, which return, raise, and end early, in sessions with and without the plugin: values and
    errors must be the same, every beginning must have one end, no observer may fail, no context variable or
    thread may be left over, and one instance must serve in one session after another.

    Args:
        make: Makes an instance; called several times. Attach only what it needs itself.
        options: Options of the plugin for the tasks. A kind of task that they exclude is left out.

    Raises:
        AssertionError: Saying all that was found.
    """
    found: list[str] = []
    plugin = make()
    name = getattr(plugin, "name", None)
    if not isinstance(name, str) or not name:
        found.append("it has no `name`, so it cannot be replaced, blocked or named in an error")
    threads = set(threading.enumerate())
    for turn in ("its first session", "a second session of the same instance"):
        try:
            _check_session(plugin, options, turn, found)
        except Exception as error:  # noqa: BLE001 - of its start, bind or end
            found.append(f"{turn} fails: {type(error).__name__}: {error}")
    left = [thread.name for thread in set(threading.enumerate()) - threads if _goes_on(thread)]
    if left:
        found.append(f"threads are left over after the session: {', '.join(sorted(left))}")
    if found:
        raise AssertionError(
            f"plugin {name or type(plugin).__name__!r}:\n" + "\n".join(f"- {line}" for line in found)
        )


def _check_session(plugin: object, options: tuple[Option, ...], turn: str, found: list[str]) -> None:
    recorder = Recorder("check_plugin")
    before = copy_context()
    with Session(plugin, recorder, inherit=False) as session:
        for probe in _probes(options):
            with_plugin = _ending(probe)
            with Session(inherit=False):
                without = _ending(probe)
            if with_plugin != without:
                found.append(f"{probe.name} gives {with_plugin} in {turn}, and {without} without the plugin")
            if not str(session.explain(probe)):
                found.append(f"{probe.name} cannot be explained in {turn}")
        if session.observer_errors:
            found.append(f"observers failed in {turn}: {dict(session.observer_errors)}")
    gc.collect()
    if recorder.unbalanced():
        found.append(f"calls without exactly one beginning and one end in {turn}: {recorder.unbalanced()}")
    leaked = [
        variable.name for variable in copy_context() if before.run(_value, variable) is not _value(variable)
    ]
    if leaked:
        found.append(f"context variables are left changed after {turn}: {', '.join(leaked)}")


def _value(variable: ContextVar[Any]) -> object:
    try:
        return variable.get()
    except LookupError:
        return _UNSET


def _goes_on(thread: threading.Thread) -> bool:
    """Whether a thread goes on after its session, a moment granted; the core's own are kept for reuse."""
    if thread.name.startswith("pegboard-side"):
        return False
    thread.join(_GRACE)
    return thread.is_alive()


def _probes(options: tuple[Option, ...]) -> list[Task[..., Any]]:
    def returns(x: int) -> int:
        return x + (current_call() is not None)

    def raises(x: int) -> int:
        raise _Boom(x)

    async def returns_later(x: int) -> int:
        await asyncio.sleep(0)
        return x

    async def raises_later(x: int) -> int:
        await asyncio.sleep(0)
        raise _Boom(x)

    def yields(x: int) -> Iterator[int]:
        yield x
        yield x + 1

    async def yields_later(x: int) -> AsyncIterator[int]:
        yield x
        await asyncio.sleep(0)
        yield x + 1

    bodies: list[Callable[..., Any]] = [returns, raises, returns_later, raises_later, yields, yields_later]
    plain = [task(body) for body in bodies]
    return [
        each.with_options(*options) for each in plain if all(each.kind in option.kinds for option in options)
    ]


def _ending(probe: Task[..., Any]) -> str:
    result = probe.run(1)
    early = ""
    if probe.kind == "generator":
        stream = probe(1)
        early = f", first {next(stream)}"
        stream.close()
    return f"{result.status} {result.value!r} {type(result.error).__name__}{early}"
