"""Running a graph from sync code: where it is while nothing else is ready, on the session's executor otherwise."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from concurrent.futures import Future

    from pegboard import Call
    from pegboard.running.open_group import OpenGroup
    from pegboard_flow.running.run import Run


def run_sync(run: Run) -> Any:
    """Run a graph to its end and return its value; nothing of it runs when this returns or raises."""
    try:
        return _run(run)
    except BaseException as error:
        if run.saga is not None:
            run.saga.undo(error)
        raise


def _run(run: Run) -> Any:
    with run.open() as group:
        executor = group.group.session.place()
        is_placed = run.shape.is_placed
        most = run.settings.concurrency or max(executor.workers, (os.cpu_count() or 1) if is_placed else 1)
        if most == 1 or (executor.name == "inline" and not is_placed):
            _run_all_here(run, group)
        else:
            _run_all_on_executor(run, group, most)
        group.value = value = run.finish()
        return value


def _run_all_here(run: Run, group: OpenGroup) -> None:
    ready = run.walk.ready
    while ready:
        _run_here(run, group, run.walk.take())


def _run_all_on_executor(run: Run, group: OpenGroup, most: int) -> None:
    """Keep up to `most` nodes on the executor, the first of the ready ones; one that is alone runs here."""
    walk = run.walk
    running: dict[Future[Any], tuple[int, Call | None]] = {}
    while walk.ready or running:
        if not running and len(walk.ready) == 1:
            _run_here(run, group, walk.take())
            continue
        while walk.ready and len(running) < most:
            _submit(run, group, running, walk.take())
        for future in sorted(group.wait_any(running), key=lambda future: running[future][0]):
            _finish(run, *running.pop(future), future)


def _submit(
    run: Run, group: OpenGroup, running: dict[Future[Any], tuple[int, Call | None]], index: int
) -> None:
    args, kwargs = inputs = run.walk.inputs(index)
    call = run.make(group, index, inputs)
    task = run.shape.nodes[index].task
    future = group.submit(task, *args, **kwargs) if call is None else group.submit(call)
    run.begun(index, call, future)
    running[future] = (index, call)


def _run_here(run: Run, group: OpenGroup, index: int) -> None:
    args, kwargs = inputs = run.walk.inputs(index)
    call = None
    try:
        call = run.make(group, index, inputs)
        value = group.call(run.shape.nodes[index].task, *args, **kwargs) if call is None else group.call(call)
    except BaseException as error:  # noqa: BLE001 - kept, or raised at once, as the policy says
        run.fail(index, error)
    else:
        _succeed(run, index, call, value)


def _finish(run: Run, index: int, call: Call | None, future: Future[Any]) -> None:
    error = future.exception()
    if error is not None:
        run.fail(index, error)
    else:
        _succeed(run, index, call, future.result(), future)


def _succeed(run: Run, index: int, call: Call | None, value: Any, future: Future[Any] | None = None) -> None:
    run.succeeded(index, call, future)
    if index in run.shape.conditional:
        run.walk.succeed(index, value, run.refused(index, value))
    else:
        run.walk.succeed(index, value)
