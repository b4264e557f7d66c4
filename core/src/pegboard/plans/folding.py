"""Layers folded around a bottom, and what comes before and goes wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn

from pegboard import texts
from pegboard.calls.arity import UNCHECKED, Arity, arity
from pegboard.errors import AwaitInSyncTask, NotAwaited, UnsupportedTask

if TYPE_CHECKING:
    from pegboard.calls.call import Call
    from pegboard.layers import Layer
    from pegboard.plans.plan import Plan

Inner = Callable[["Call"], Any]
# Below a frame of these is a sync function: a task's own, or one that a layer hands to an effect.
_RUN_FUNCTIONS = ("pegboard.plans.function", "pegboard.plans.generator", "pegboard.calls.effects")
_NO_LOOP = ("event loop", "async context")  # in the complaints of asyncio, anyio and sniffio


class CarriedStop(Exception):  # noqa: N818 - a carrier, not an error
    """Carries a StopIteration through coroutines, which would turn it into a RuntimeError (PEP 479)."""


def fold(plan: Plan, bottom: Inner, side: str, finish: Callable[[Inner], Inner] | None = None) -> Inner:
    """Wrap the `run` or `stream` sides of the plan's layers around `bottom`, the last layer innermost.

    `finish` is applied to every layer, once it is bound to what it wraps.
    """
    around, inner = outermost(plan, bottom, side, finish)
    top = _wrap(around, inner)
    return top if finish is None else finish(top)


def outermost(
    plan: Plan, bottom: Inner, side: str, finish: Callable[[Inner], Inner] | None = None
) -> tuple[Callable[[Call, Inner], Any], Inner]:
    """Do what `fold` does for all layers but the outermost, and return that one's side and what it proceeds to."""
    sides = [getattr(layer, side) or _refuse(plan, layer) for layer in plan.layers]
    inner = bottom
    for around in reversed(sides[1:]):
        inner = _wrap(around, inner)
        if finish is not None:
            inner = finish(inner)
    return sides[0], inner


def _wrap(around: Callable[[Call, Inner], Any], inner: Inner) -> Inner:
    def proceed(call: Call) -> Any:
        return around(call, inner)

    return proceed


def _refuse(plan: Plan, layer: Layer) -> NoReturn:
    task = plan.task
    what = "a stream" if task.kind.endswith("generator") else "a call that returns one value"
    raise UnsupportedTask(
        f"{layer} cannot wrap the {task.kind.replace('_', ' ')} task {task.name!r}: it has no side for {what}.\n"
        f"Take the option off this task, or make it a {'function' if what == 'a stream' else 'generator'}.",
        plugin=layer.plugin,
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
    layer = _innermost(call.plan, _codes_down(call, top)) or call.plan.layers[0]
    error = _awaited(layer, call)
    try:
        throw(error)
    except (AwaitInSyncTask, StopIteration, StopAsyncIteration):
        pass
    return error


def refuse_complaint(call: Call, error: Exception) -> None:
    """Say of which layer it comes that asyncio, or what stands on it, finds no event loop to wait in.

    Raises:
        AwaitInSyncTask: A layer awaited, and this error is what came of it.
    """
    frames, trace = [], error.__traceback__
    while trace is not None:
        frames.append(trace.tb_frame)
        trace = trace.tb_next
    modules = [frame.f_globals.get("__name__", "") for frame in frames]
    text = texts.text_of(error)
    complains = modules[-1].startswith("asyncio") or any(sign in text for sign in _NO_LOOP)
    codes = (
        None if name in _RUN_FUNCTIONS else each.f_code for each, name in zip(frames, modules, strict=True)
    )
    layer = _innermost(call.plan, codes) if complains else None
    if layer is not None:
        raise _awaited(layer, call) from error


def _codes_down(call: Call, awaitable: Any) -> Iterator[object]:
    """Tell the code of all that is suspended, outermost first."""
    for stream in getattr(call, "streams", ()):
        if stream.ag_running:
            yield stream.ag_code
    while awaitable is not None:
        yield getattr(awaitable, "cr_code", awaitable)
        awaitable = getattr(awaitable, "cr_await", None)


def _innermost(plan: Plan, codes: Iterable[object]) -> Layer | None:
    """Return the layer whose code comes last, since the last None."""
    rest, found = plan.layers, None
    for code in codes:
        if code is None:
            found = None
            continue
        at = next((index for index, layer in enumerate(rest) if code in _codes(layer)), None)
        if at is not None:
            found, rest = rest[at], rest[at + 1 :]
    return found


def _awaited(layer: Layer, call: Call) -> AwaitInSyncTask:
    return AwaitInSyncTask(
        f"{layer} awaited something that suspends, around the sync task {call.task.name!r}.\n"
        f"A sync task has no event loop to wait in. In a layer, wait with call.sleep, call.io, call.offload, call.lock or "
        f"call.timeout, which block in a sync task and suspend in an async one; or make the task `async def`.",
        plugin=layer.plugin,
        layer=layer.name,
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
                f"{layer} returned what it proceeds to instead of awaiting it, around the task {plan.task.name!r}, "
                f"so the function did not run.\nIn its layer: return await proceed(call).",
                plugin=layer.plugin,
                layer=layer.name,
                task=plan.task.name,
            )


def _codes(layer: Layer) -> tuple[object, ...]:
    return tuple(_code_of(side) for side in (layer.run, layer.stream) if side is not None)


def _code_of(side: Any) -> object:
    side = getattr(side, "func", side)  # of a partial
    return getattr(side, "__code__", None) or getattr(type(side).__call__, "__code__", None)
