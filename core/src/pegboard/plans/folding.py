"""Layers folded around a bottom, and what comes before and goes wrong with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pegboard.calls.arity import UNCHECKED, Arity, arity
from pegboard.errors import AwaitInSyncTask, NotAwaited, UnsupportedTask

if TYPE_CHECKING:
    from pegboard.calls.call import Call
    from pegboard.layers import Layer
    from pegboard.plans.plan import Plan

Inner = Callable[["Call"], Any]


class CarriedStop(Exception):  # noqa: N818 - a carrier, not an error
    """Carries a StopIteration through coroutines, which would turn it into a RuntimeError (PEP 479)."""


def fold(plan: Plan, bottom: Inner, side: str, finish: Callable[[Inner], Inner] | None = None) -> Inner:
    """Wrap the `run` or `stream` sides of the plan's layers around `bottom`, the last layer innermost.

    `finish` is applied to every layer, once it is bound to what it wraps.
    """
    inner = bottom
    for layer in reversed(plan.layers):
        around = getattr(layer, side)
        if around is None:
            raise _unsupported(plan, layer.name)
        inner = _wrap(around, inner)
        if finish is not None:
            inner = finish(inner)
    return inner


def _wrap(around: Callable[[Call, Inner], Any], inner: Inner) -> Inner:
    def proceed(call: Call) -> Any:
        return around(call, inner)

    return proceed


def _unsupported(plan: Plan, layer: str) -> UnsupportedTask:
    task = plan.task
    what = "a stream" if task.kind.endswith("generator") else "a call that returns one value"
    return UnsupportedTask(
        f"plugin {layer!r} cannot wrap the {task.kind.replace('_', ' ')} task {task.name!r}: its layer has no side for {what}.\n"
        f"Take the option off this task, or make it a {'function' if what == 'a stream' else 'generator'}.",
        plugin=layer,
        task=task.name,
        kind=task.kind,
    )


def arity_of(plan: Plan) -> Arity:
    """What arguments fit the plan's function, less those that its layers provide."""
    try:
        signature = plan.task.signature
    except (TypeError, ValueError):
        return UNCHECKED
    return arity(plan.task.__qualname__.rpartition("<locals>.")[2], signature, plan.provided)


def observes_attempts(plan: Plan) -> bool:
    """Whether somebody observes attempts."""
    return "before_attempt" in plan.events or "after_attempt" in plan.events


def end_suspension(call: Call, top: object, throw: Callable[[BaseException], object]) -> AwaitInSyncTask:
    """Return the error for a layer of a sync task that awaits, raised there first so that its clean-up runs.

    Args:
        call: The call.
        top: The outermost layer's coroutine or stream.
        throw: Raises an error where that is suspended.
    """
    error = _suspended(call, top)
    try:
        throw(error)
    except (AwaitInSyncTask, StopIteration, StopAsyncIteration):
        pass
    return error


def _suspended(call: Call, awaitable: Any) -> AwaitInSyncTask:
    """Name the innermost layer that a suspended chain of coroutines goes through."""
    rest = call.plan.layers
    culprit = call.plan.layers[0].name
    while awaitable is not None:
        code = getattr(awaitable, "cr_code", None) or getattr(awaitable, "ag_code", None)
        at = next((i for i, layer in enumerate(rest) if code is not None and code in _codes(layer)), None)
        if at is not None:
            culprit = rest[at].name
            rest = rest[at + 1 :]
        awaitable = getattr(awaitable, "cr_await", None) or getattr(awaitable, "ag_await", None)
    return AwaitInSyncTask(
        f"plugin {culprit!r} awaited something that suspends, around the sync task {call.task.name!r}.\n"
        f"A sync task has no event loop to wait in. In a layer, wait with call.sleep, call.io, call.offload, "
        f"call.lock or call.timeout: they block in a sync task and suspend in an async one.",
        plugin=culprit,
        task=call.task.name,
    )


def refuse_unawaited(plan: Plan, value: Any, bottom: Callable[..., Any]) -> None:
    """Refuse what a layer returned if it is what it proceeds to, not awaited.

    Args:
        plan: The plan.
        value: A coroutine or generator that a call is about to return.
        bottom: What the innermost layer proceeds to.

    Raises:
        NotAwaited: It is.
    """
    code = getattr(value, "cr_code", None) or getattr(value, "gi_code", None)
    inner = [*(_codes(layer) for layer in plan.layers[1:]), (getattr(bottom, "__code__", None),)]
    for layer, codes in zip(plan.layers, inner, strict=True):
        if code is not None and code in codes:
            value.close()
            raise NotAwaited(
                f"plugin {layer.name!r} returned what it proceeds to instead of awaiting it, around the task {plan.task.name!r}, "
                f"so the function did not run.\nIn its layer: return await proceed(call).",
                plugin=layer.name,
                task=plan.task.name,
            )


def _codes(layer: Layer) -> tuple[object, ...]:
    return tuple(getattr(side, "__code__", None) for side in (layer.run, layer.stream) if side is not None)
