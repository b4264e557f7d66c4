"""Taking back the steps of a run that failed or was cancelled: in reverse, each as a step of its own."""

from __future__ import annotations

import inspect
import time
from typing import TYPE_CHECKING, Any

from pegboard.parts.notes import note_on
from pegboard.records import UNDO_IS_KEPT
from pegboard.running.one import call_in
from pegboard_durable._codec import decode, decode_error, encode
from pegboard_durable._errors import NotRecordable, RunCancelled, UndoFailed
from pegboard_durable._position import POSITION, Position
from pegboard_durable._tasks import TASKS, name_of
from pegboard_durable.journal.reopening import UNDO

if TYPE_CHECKING:
    from collections.abc import Callable

    from pegboard import Call
    from pegboard_durable._execution import Execution
    from pegboard_durable._records import Step

_MOST = 16 * 1024 * 1024
_SUFFIX = UNDO


def rows(call: Call, position: Position, done: Step) -> tuple[Step, ...]:
    """Return what is written with a step that is done and can be taken back: what to call for that, if the call is forgotten."""
    if _undo_of(call) is None:
        return ()
    try:
        task: Any = call.task
        what = encode((name_of(task), call.args, call.kwargs), task=call.task.name, most=_MOST)
    except NotRecordable:  # then it is taken back only where the step is replayed
        what = None
    key, number = done.key + _SUFFIX, position.execution.number()
    return (position.step(key, "undo", "waiting", what, attempt=number, enclosing=done.enclosing),)


def note_done(call: Call, execution: Execution, key: str) -> None:
    """Keep the call of a step that can be taken back."""
    if _undo_of(call) is not None:
        execution.calls_done[key] = call
        call.state[UNDO_IS_KEPT] = True


def _undo_of(call: Call) -> Callable[[Call, BaseException], Any] | None:
    return next((layer.undo for layer in call.plan.layers if layer.undo is not None), None)


async def take_back(root: Call, position: Position, error: BaseException) -> BaseException:
    """Undo what is done, the last first, and return the error that the run ends with.

    A resumed run that was being undone goes on with that, and ends with the error that it was undone for.
    """
    execution = position.execution
    begun = execution.records.get(UNDO)
    if begun is not None:
        error = decode_error(begun.value) if begun.value is not None else _cancelled(error, execution)
    left = _left(execution)
    if not left:
        return error
    if begun is None:
        why = execution.encode_error(error) if isinstance(error, Exception) else None
        await position.writing(root, position.step(UNDO, "undo", "intent", why))
    while left:
        failure = await _undo(root, position, left[-1], error)
        if failure is not None:
            remaining = tuple(each.key.removesuffix(_SUFFIX) for each in reversed(left))
            execution.undo_failed = _failed(execution, remaining, failure, error)
            break
        left.pop()
    return error


def _cancelled(error: BaseException, execution: Execution) -> BaseException:
    if isinstance(error, RunCancelled):
        return error
    return RunCancelled(f"run {execution.run_id!r} was cancelled")


def _left(execution: Execution) -> list[Step]:
    """What is still to be undone, in the order in which it was done."""
    undos = [step for step in execution.records.values() if step.kind == "undo" and step.key != UNDO]
    return sorted((step for step in undos if step.status != "ok"), key=lambda step: step.attempt)


async def _undo(root: Call, position: Position, step: Step, error: BaseException) -> Exception | None:
    """Undo one step, and record that; returns what it failed with."""
    started = time.perf_counter()
    token = POSITION.set(Position(position.execution, step.key, root, position.around, is_undo=True))
    try:
        await _run(root, position.execution, step, error)
    except Exception as failure:  # noqa: BLE001 - it is recorded, and ends the run
        position.execution.refuse_fault()
        ended = step._replace(status="error", value=step.value, duration=time.perf_counter() - started)
        await position.writing(root, ended)
        return failure
    finally:
        POSITION.reset(token)
    ended = step._replace(status="ok", duration=time.perf_counter() - started)
    await position.writing(root, ended)
    return None


async def _run(root: Call, execution: Execution, step: Step, error: BaseException) -> None:
    call = execution.calls_done.get(step.key.removesuffix(_SUFFIX)) or _call_again(root, step)
    undo = _undo_of(call)
    if undo is None:
        raise LookupError(f"task {call.task.name!r} has no Undo any more")
    if call.is_async and root.is_async:  # an async undo is made, and awaited, in the loop
        undone = undo(call, error)
    else:
        undone = await root.io(undo, call, error)
    if inspect.isawaitable(undone):
        await _awaited(root, undone)


async def _awaited(root: Call, undone: Any) -> None:
    if root.is_async:
        await undone
        return
    import asyncio

    async def main() -> None:
        await undone

    asyncio.run(main())


def _call_again(root: Call, step: Step) -> Call:
    """Make the call of a step that was not called in this process."""
    if step.value is None:
        raise LookupError(
            f"the arguments of {step.key.removesuffix(_SUFFIX)!r} could not be recorded, and the step around it was not run again"
        )
    name, args, kwargs = decode(step.value)
    task = TASKS.find(name)
    if task is None:
        raise LookupError(f"its task {name} is in no module that this process has loaded")
    return call_in(root.session, task, args, kwargs)


def _failed(
    execution: Execution, remaining: tuple[str, ...], failure: Exception, error: BaseException
) -> UndoFailed:
    failed = UndoFailed(
        f"run {execution.run_id!r} could not be undone: the undo of {remaining[0]!r} failed with {type(failure).__name__}: {failure}.\n"
        f"What remains: {', '.join(remaining)}. Mend what is in its way, and go on undoing with `pegboard durable retry "
        f"{execution.run_id}`.",
        run_id=execution.run_id,
        remaining=remaining,
    )
    if isinstance(error, Exception):
        note_on(error, f"and its undo failed: {type(failure).__name__}; what remains: {', '.join(remaining)}")
    return failed
