"""Runs a generator function: every step in a `contextvars.Context` of the stream's own."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Callable, Generator
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from pegboard.calls.call import original_of
from pegboard.parts.stopping import refuse_stopped
from pegboard.plans.folding import arity_of, end_suspension, refuse_complaint
from pegboard.plans.open_stream import OpenStream
from pegboard.plans.streams import KeptStream, fold_streams, take_handed

if TYPE_CHECKING:
    from pegboard.calls.call import Call
    from pegboard.plans.plan import Plan

Stream = Generator[Any, Any, Any]


def build(plan: Plan) -> Callable[[Call], Stream]:
    """Make the runner of a plan for a generator function."""
    open_items = _layered(plan) if plan.layers else _plain(plan)
    on_iteration = plan.events.get("on_iteration")
    before = plan.events.get("before_execute")
    succeed, fail, end_attempt, let_go = plan.succeed, plan.fail, plan.end_attempt, plan.let_go

    def stream(call: Call) -> Stream:
        # The context is that of whoever called the task; nothing runs before the first next().
        opened = OpenStream(call, copy_context().run)
        generator: Stream = opened.of(steps(opened))
        return generator

    def steps(opened: OpenStream) -> Stream:
        call, within = opened.call, opened.within
        items: Stream | None = None
        index = 0
        value = None
        try:
            try:
                within(opened.begin)
                if before is not None:
                    within(before, call)
                items = within(open_items, call)
                advance, argument = items.send, None
                while True:
                    try:
                        item = within(advance, argument)
                    except StopIteration as stop:
                        value = stop.value
                        break
                    if on_iteration is not None:
                        within(on_iteration, call, index, item)
                        index += 1
                    try:
                        argument = yield item
                        advance = items.send
                    except GeneratorExit:
                        raise
                    except BaseException as thrown:  # noqa: BLE001 - goes to where the body waits
                        advance, argument = items.throw, thrown
                within(end_attempt, call, None)
                if not opened.abandoned:
                    within(succeed, call, None)
                return value
            except BaseException as error:
                try:
                    if items is not None:
                        within(items.close)
                except BaseException as closing:
                    within(fail, call, closing)
                    raise
                let_go(call, error)
                within(fail, call, error)
                raise
        finally:
            within(opened.end, sys.exc_info()[1])

    return stream


def _plain(plan: Plan) -> Callable[[Call], Stream]:
    function = plan.function
    check = arity_of(plan).check
    before = plan.events.get("before_attempt")

    def start(call: Call) -> Stream:
        check(call)
        call.attempt = 1
        if before is not None:
            before(call, 1)
        items: Stream = function(*call.args, **call.kwargs)
        return items

    return start


def _layered(plan: Plan) -> Callable[[Call], Stream]:
    function = plan.function
    check = arity_of(plan).check
    before = plan.events.get("before_attempt")

    async def bottom(call: Call) -> AsyncGenerator[Any, Any]:
        seen = original_of(call)
        if seen.attempt:
            refuse_stopped()
        seen.attempt = number = seen.attempt + 1
        items: Stream | None = None
        try:
            if before is not None:
                before(seen, number)
            items = function(*call.args, **call.kwargs)
            advance, argument = items.send, None
            while True:
                try:
                    item = advance(argument)
                except StopIteration as stop:
                    seen.returned = stop.value
                    break
                seen.listens = True
                yield item
                advance, argument = take_handed(seen, items.send, items.throw)
        except BaseException as error:
            seen.listens = False
            if items is not None:
                items.close()
            plan.end_attempt(seen, error)
            raise
        plan.end_attempt(seen, None)

    open_top = fold_streams(plan, bottom)

    def start(call: Call) -> Stream:
        check(call)
        return _stepped(call, open_top(call))

    return start


def _stepped(call: Call, top: KeptStream) -> Stream:
    """Drive an async generator that never suspends, as a generator."""
    awaitable = top.asend(None)
    try:
        while True:
            try:
                awaitable.send(None)
            except StopIteration as stop:
                item = stop.value
            except StopAsyncIteration:
                return call.returned
            except (RuntimeError, AttributeError) as error:
                refuse_complaint(call, error)
                raise
            else:
                raise end_suspension(call, top, awaitable.throw)
            try:
                sent = yield item
            except GeneratorExit:
                raise
            except BaseException as thrown:  # noqa: BLE001 - goes to the outermost layer
                awaitable = top.athrow(thrown)
            else:
                awaitable = top.asend(sent)
    finally:
        for stream in call.streams:
            try:
                stream.aclose().send(None)
            except StopIteration:
                pass
