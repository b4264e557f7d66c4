"""Calls one after the other, each with what the last one gave."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeGuard

from pegboard.parts.awaiting import is_async_function, refuse_awaitable, settled
from pegboard.parts.notes import note_on
from pegboard.running.bodies import carried, in_thread
from pegboard.running.open_group import OpenGroup, open_group
from pegboard.tasks.ways import WaysToCall
from pegboard_compose._items import joined, name_of


def pipeline(*steps: Callable[..., Any], input: Any) -> Any:  # noqa: A002 - the word for it
    """Call each step with what the one before returned, and return what the last one does.

        pipeline(load, clean, count, input="today")

    Of sync steps alone it returns their value; with an async one among them, what `apipeline` does: a coroutine to be
    awaited. A step gets one argument, which is never unpacked. A stream gives the list of its items.

    Args:
        steps: Tasks, and plain functions and coroutine functions that take one argument.
        input: What the first step gets.

    Raises:
        TypeError: There is no step, or one that cannot be called.
        MustBeAwaited: A sync step returned something that has to be awaited.
    """
    _check(steps)
    if any(_is_async(step) for step in steps):
        return _pipeline_async(steps, input)
    with _opened(steps) as group:
        value = input
        for position, step in enumerate(steps):
            try:
                value = _step(group, step, value)
            except Exception as error:
                _note(error, position, steps)
                raise
        group.value = value
        return value


def apipeline(*steps: Callable[..., Any], input: Any) -> Coroutine[Any, Any, Any]:  # noqa: A002 - the word for it
    """Do what `pipeline` does, always to be awaited, whatever the steps are.

        await apipeline(load, clean, count, input="today")

    The bodies of sync steps run in threads, and what a step returns is awaited where it has to be.

    Args:
        steps: As for `pipeline`.
        input: What the first step gets.

    Raises:
        TypeError: There is no step, or one that cannot be called.
    """
    _check(steps)
    return _pipeline_async(steps, input)


async def _pipeline_async(steps: Sequence[Callable[..., Any]], value: Any) -> Any:
    async with _opened(steps) as group:
        for position, step in enumerate(steps):
            try:
                value = await _step_async(group, step, value)
            except Exception as error:
                _note(error, position, steps)
                raise
        group.value = value
        return value


def _opened(steps: Sequence[Callable[..., Any]]) -> OpenGroup:
    return open_group("pipeline", joined(map(_name, steps)), size=len(steps))


def _step(group: OpenGroup, step: Callable[..., Any], value: Any) -> Any:
    if _is_task(step):
        return group.call(step, value)
    returned = group.context().run(step, value)
    refuse_awaitable(returned, _name(step), f"pipeline {group.group.name!r}")
    return returned


async def _step_async(group: OpenGroup, step: Callable[..., Any], value: Any) -> Any:
    if _is_task(step):
        return await group.acall(step, value)
    returned = step(value) if is_async_function(step) else await in_thread(carried, "a function", step, value)
    return await settled(returned)


def _is_task(step: object) -> TypeGuard[WaysToCall[..., Any]]:
    return isinstance(step, WaysToCall)


def _is_async(step: Callable[..., Any]) -> bool:
    if _is_task(step):
        return step.applied_to(())[0].kind in ("coroutine", "async_generator")
    return is_async_function(step)


def _check(steps: Sequence[object]) -> None:
    if not steps:
        raise TypeError("pipeline() takes at least one step: pipeline(load, clean, input=...).")
    for position, step in enumerate(steps, 1):
        if inspect.iscoroutine(step):
            step.close()
        if not callable(step):
            raise TypeError(
                f"step {position} of the pipeline is a value of type {type(step).__name__}, and no task or function.\n"
                f"Steps are handed over uncalled: pipeline(load, clean, input=...), not pipeline(load(...), ...)."
            )


def _note(error: Exception, position: int, steps: Sequence[Callable[..., Any]]) -> None:
    note_on(error, f"as step {position + 1} of {len(steps)} of a pipeline: {_name(steps[position])}")


def _name(step: Callable[..., Any]) -> str:
    return step.applied_to(())[0].name if _is_task(step) else name_of(step)
