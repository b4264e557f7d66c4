"""Runs an async generator function: every step in a `contextvars.Context` of the stream's own."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Callable
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from pegboard.calls.call import original_of
from pegboard.plans.folding import arity_of
from pegboard.plans.open_stream import OpenStream
from pegboard.plans.streams import KeptStream, drive, finish_step, fold_streams, take_handed

if TYPE_CHECKING:
    from pegboard.calls.call import Call
    from pegboard.plans.plan import Plan

Stream = AsyncGenerator[Any, Any]


def build(plan: Plan) -> Callable[[Call], Stream]:
    """Make the runner of a plan for an async generator function."""
    steps = _stepping(plan, _layered(plan) if plan.layers else _plain(plan))

    def stream(call: Call) -> Stream:
        # The context is that of whoever called the task; nothing runs before the first step.
        opened = OpenStream(call, copy_context().run)
        generator: Stream = opened.of(steps(opened))
        return generator

    return stream


def _stepping(plan: Plan, open_items: Callable[[Call], KeptStream]) -> Callable[[OpenStream], Stream]:
    on_iteration = plan.events.get("on_iteration")
    before = plan.events.get("before_execute")
    succeed, fail, end_attempt = plan.succeed, plan.fail, plan.end_attempt

    async def steps(opened: OpenStream) -> Stream:
        call, within = opened.call, opened.within
        items: KeptStream | None = None
        index = 0
        try:
            try:
                within(opened.begin)
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
                within(end_attempt, call, None)
                if not opened.abandoned:
                    within(succeed, call, None)
            except BaseException as error:
                try:
                    for kept in call.streams if items is not None else ():
                        await finish_step(within, kept.aclose())
                except BaseException as closing:
                    within(fail, call, closing)
                    raise
                plan.let_go(call, error)
                within(fail, call, error)
                raise
        finally:
            within(opened.end, sys.exc_info()[1])

    return steps


def _plain(plan: Plan) -> Callable[[Call], KeptStream]:
    function = plan.function
    check = arity_of(plan).check
    before = plan.events.get("before_attempt")

    def start(call: Call) -> KeptStream:
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
    check = arity_of(plan).check
    before = plan.events.get("before_attempt")

    async def bottom(call: Call) -> AsyncGenerator[Any, Any]:
        seen = original_of(call)
        seen.attempt = number = seen.attempt + 1
        items: KeptStream | None = None
        try:
            if before is not None:
                before(seen, number)
            items = KeptStream(function(*call.args, **call.kwargs))
            advance: Callable[[Any], Any] = items.asend
            argument = None
            while True:
                try:
                    item = await advance(argument)
                except StopAsyncIteration:
                    break
                seen.listens = True
                yield item
                advance, argument = take_handed(seen, items.asend, items.athrow)
        except BaseException as error:
            seen.listens = False
            if items is not None:
                await items.aclose()
            plan.end_attempt(seen, error)
            raise
        plan.end_attempt(seen, None)

    open_top = fold_streams(plan, bottom)

    def start(call: Call) -> KeptStream:
        check(call)
        return open_top(call)

    return start
