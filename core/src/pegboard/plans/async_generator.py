"""Runs an async generator function: every step in a `contextvars.Context` of the stream's own."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextvars import copy_context
from time import perf_counter
from typing import TYPE_CHECKING, Any

from pegboard.calls.call import original_of
from pegboard.current import running_call
from pegboard.plans.folding import arity_of
from pegboard.plans.streams import KeptStream, drive, finish_step, fold_streams

if TYPE_CHECKING:
    from pegboard.calls.call import Call
    from pegboard.plans.plan import Plan

Stream = AsyncGenerator[Any, Any]


def build(plan: Plan) -> Callable[[Call], Stream]:
    """Make the runner of a plan for an async generator function."""
    open_items = _layered(plan) if plan.layers else _plain(plan)
    after_attempt = None if plan.layers else plan.events.get("after_attempt")
    on_iteration = plan.events.get("on_iteration")
    before, succeed, fail = plan.events.get("before_execute"), plan.succeed, plan.fail

    def stream(call: Call) -> Stream:
        # The context is that of whoever called the task; nothing runs before the first step.
        return steps(call, copy_context().run)

    async def steps(call: Call, within: Callable[..., Any]) -> Stream:
        entered = within(enter, call)
        items: KeptStream | None = None
        index = 0
        try:
            try:
                if before is not None:
                    within(before, call)
                items = within(open_items, call)
                advance, argument = items.asend, None
                while True:
                    try:
                        step = advance(argument)
                        try:
                            waiting = within(step.send, None)
                        except StopIteration as stop:  # as most do: it did not suspend
                            item = stop.value
                        else:
                            item = await drive(within, step, waiting)
                    except StopAsyncIteration:
                        break
                    if on_iteration is not None:
                        within(on_iteration, call, index, item)
                        index += 1
                    try:
                        argument = yield item
                        advance = items.asend
                    except GeneratorExit:
                        raise
                    except BaseException as thrown:  # noqa: BLE001 - goes to where the body waits
                        advance, argument = items.athrow, thrown
                if after_attempt is not None:
                    within(after_attempt, call, 1, None)
            except BaseException as error:
                try:
                    await close(call, items, within, error)
                except BaseException as closing:
                    within(fail, call, closing)
                    raise
                within(fail, call, error)
                raise
            within(succeed, call, None)
        finally:
            within(plan.leave, call, entered)

    def enter(call: Call) -> Any:
        running_call.set(call)
        call.started = perf_counter()
        return plan.enter(call) if plan.scopes else None

    async def close(
        call: Call, items: KeptStream | None, within: Callable[..., Any], error: BaseException
    ) -> None:
        if items is None:
            return
        try:
            for kept in call.streams:
                await finish_step(within, kept.aclose())
        except BaseException as closing:
            error = closing
            raise
        finally:
            if after_attempt is not None and call.outcome is None:
                within(after_attempt, call, 1, error)

    return stream


def _plain(plan: Plan) -> Callable[[Call], KeptStream]:
    function = plan.function
    least, most, check = arity_of(plan)
    before = plan.events.get("before_attempt")

    def start(call: Call) -> KeptStream:
        if call.kwargs or not least <= len(call.args) <= most:
            check(call)
        call.attempt = 1
        if before is not None:
            before(call, 1)
        items = KeptStream(function(*call.args, **call.kwargs))
        call.streams = [items]
        return items

    return start


def _layered(plan: Plan) -> Callable[[Call], KeptStream]:
    function = plan.function
    least, most, check = arity_of(plan)
    before, after = plan.events.get("before_attempt"), plan.events.get("after_attempt")

    async def bottom(call: Call) -> AsyncGenerator[Any, Any]:
        seen = original_of(call)
        seen.attempt = number = seen.attempt + 1
        items: KeptStream | None = None
        try:
            if before is not None:
                before(seen, number)
            items = KeptStream(function(*call.args, **call.kwargs))
            async for item in items:
                yield item
        except BaseException as error:
            if items is not None:
                await items.aclose()
            if after is not None:
                after(seen, number, error)
            raise
        if after is not None:
            after(seen, number, None)

    open_top = fold_streams(plan, bottom)

    def start(call: Call) -> KeptStream:
        if call.kwargs or not least <= len(call.args) <= most:
            check(call)
        return open_top(call)

    return start
