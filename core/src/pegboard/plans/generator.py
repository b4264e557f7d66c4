"""Runs a generator function: every step in a `contextvars.Context` of the stream's own."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from contextvars import copy_context
from time import perf_counter
from typing import TYPE_CHECKING, Any

from pegboard.calls.call import original_of
from pegboard.current import running_call
from pegboard.parts.stopping import refuse_stopped
from pegboard.plans.folding import arity_of, end_suspension
from pegboard.plans.streams import KeptStream, fold_streams

if TYPE_CHECKING:
    from pegboard.calls.call import Call
    from pegboard.plans.plan import Plan

Stream = Generator[Any, Any, Any]


def build(plan: Plan) -> Callable[[Call], Stream]:
    """Make the runner of a plan for a generator function."""
    open_items = _layered(plan) if plan.layers else _plain(plan)
    on_iteration = plan.events.get("on_iteration")
    before, succeed, fail = plan.events.get("before_execute"), plan.succeed, plan.fail

    def stream(call: Call) -> Stream:
        # The context is that of whoever called the task; nothing runs before the first next().
        within = copy_context().run
        return steps(call, within)

    def steps(call: Call, within: Callable[..., Any]) -> Stream:
        entered = within(enter, call)
        items: Stream | None = None
        index = 0
        value = None
        try:
            try:
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
            except BaseException as error:
                try:
                    if items is not None:
                        within(items.close)
                except BaseException as closing:
                    within(fail, call, closing)
                    raise
                within(fail, call, error)
                raise
            within(succeed, call, None)
            return value
        finally:
            within(plan.leave, call, entered)

    def enter(call: Call) -> Any:
        running_call.set(call)
        call.started = perf_counter()
        return plan.enter(call) if plan.scopes else None

    return stream


def _plain(plan: Plan) -> Callable[[Call], Stream]:
    function = plan.function
    least, most, check = arity_of(plan)
    before, after = plan.events.get("before_attempt"), plan.events.get("after_attempt")
    if before is None and after is None:

        def start(call: Call) -> Stream:
            call.attempt = 1
            items: Stream = function(*call.args, **call.kwargs)
            return items

        return start

    def attempt(call: Call) -> Stream:
        if call.kwargs or not least <= len(call.args) <= most:
            check(call)
        call.attempt = 1
        try:
            if before is not None:
                before(call, 1)
            value = yield from function(*call.args, **call.kwargs)
        except BaseException as error:
            if after is not None:
                after(call, 1, error)
            raise
        if after is not None:
            after(call, 1, None)
        return value

    return attempt


def _layered(plan: Plan) -> Callable[[Call], Stream]:
    function = plan.function
    least, most, check = arity_of(plan)
    before, after = plan.events.get("before_attempt"), plan.events.get("after_attempt")

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
            for item in items:
                yield item
        except BaseException as error:
            if items is not None:
                items.close()
            if after is not None:
                after(seen, number, error)
            raise
        if after is not None:
            after(seen, number, None)

    open_top = fold_streams(plan, bottom)

    def start(call: Call) -> Stream:
        if call.kwargs or not least <= len(call.args) <= most:
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
                return
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
