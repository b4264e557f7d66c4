"""Every executor, with every way that a call may go: the same events and outcomes."""

from __future__ import annotations

import pytest
import remote_tasks as tasks

from pegboard import Layer, Order, Session, hookimpl
from pegboard.testing import Recorder

EXECUTORS = ("inline", "threads", "processes")


class Again:
    """Runs a failed call once more."""

    name = "again"

    @hookimpl
    def bind(self, task):
        async def run(call, proceed):
            try:
                return await proceed(call)
            except KeyError as error:
                call.emit("on_retry", call.attempt, error, 0.0)
                return await proceed(call)

        return Layer("again", Order.RETRY, run) if task.name == "fails" else None


class Limiting:
    """Limits every attempt."""

    name = "limiting"

    @hookimpl
    def bind(self):
        async def run(call, proceed):
            async with call.timeout(0.3):
                return await proceed(call)

        return Layer("limiting", Order.TIMEOUT, run)


CASES = {
    "ok": ((), lambda: tasks.plus_one.map(range(4))),
    "error": ((), lambda: tasks.fails.map(range(4), on_error="collect")),
    "raised": ((), lambda: tasks.fails.map([1])),
    "retry": ((Again(),), lambda: tasks.fails.map(range(4), on_error="collect")),
    "timeout": ((Limiting(),), lambda: tasks.sleeps.map([0.0, 1.0], on_error="collect")),
    "nested": ((), lambda: [leaves for leaves, _ in tasks.nest.map([2, 2])]),
    "wrong arguments": ((), lambda: tasks.plus_one.map([1, 2], [3, 4], on_error="collect")),
    "submitted": ((), lambda: [tasks.plus_one.submit(1).result(), tasks.fails.submit(1).exception()]),
}


def told(case, executor):
    """Run a case, and return what came of it and what was told of each outermost call."""
    plugins, run = CASES[case]
    recorder = Recorder()
    with Session(*plugins, recorder, executor=executor):
        try:
            came = repr(run())
        except KeyError as error:
            came = repr(error)
    assert recorder.unbalanced() == []
    logs = {}
    for event in recorder.events:
        call = event.subject
        # Nested calls are told of where they run, and what waits for a worker waits on processes alone.
        if (
            event.hook != "on_wait"
            and call.parent is None
            and getattr(call, "group", None) in (None, *groups(recorder))
        ):
            logs.setdefault(id(call), []).append(str(event))
    return came, sorted(logs.values())


def groups(recorder):
    """Return the outermost groups."""
    return [event.subject for event in recorder.of("before_group") if event.subject.parent is None]


@pytest.mark.parametrize("case", CASES)
def test_executors_agree(case, warm):
    """Results, errors, events and outcomes are the same inline, on threads and on processes."""
    inline, threads, processes = (told(case, each) for each in ("inline", "threads", warm))
    assert inline == threads == processes
    assert inline[1]
