"""Runs a plain function."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING, Any

from pegboard._call import original_of
from pegboard._context import running_call
from pegboard._effects import run_within
from pegboard._runners.folding import CarriedStop, check_arguments, end_suspension, fold

if TYPE_CHECKING:
    from pegboard._call import Call
    from pegboard._plan import Plan


def build(plan: Plan) -> Callable[[Call], Any]:
    """Make the runner of a plan for a function."""
    inner = _layered(plan) if plan.layers else _attempted(plan)
    return _watched(plan, inner) if plan.watched else _bare(plan, inner)


def _bare(plan: Plan, inner: Callable[[Call], Any] | None) -> Callable[[Call], Any]:
    function = plan.function
    note = plan.note
    enter, leave = running_call.set, running_call.reset

    def run(call: Call) -> Any:
        token = enter(call)
        try:
            if inner is not None:
                return inner(call)
            call.attempt = 1
            return function(*call.args, **call.kwargs)
        except Exception as error:
            note(call, error)
            raise
        finally:
            leave(token)

    return run


def _watched(plan: Plan, inner: Callable[[Call], Any] | None) -> Callable[[Call], Any]:
    function = plan.function
    before, succeed, fail, end = plan.events.get("before_execute"), plan.succeed, plan.fail, plan.leave
    enter_scopes = plan.enter if plan.scopes else None
    must_end = bool(plan.scopes) or plan.strict
    enter, leave = running_call.set, running_call.reset

    def run(call: Call) -> Any:
        token = enter(call)
        try:
            call.started = perf_counter()
            entered = None if enter_scopes is None else enter_scopes(call)
            try:
                try:
                    if before is not None:
                        before(call)
                    if inner is not None:
                        value = inner(call)
                    else:
                        call.attempt = 1
                        value = function(*call.args, **call.kwargs)
                except BaseException as error:
                    fail(call, error)
                    raise
                succeed(call, value)
                return value
            finally:
                if must_end:
                    end(call, entered)
        finally:
            leave(token)

    return run


def _attempted(plan: Plan) -> Callable[[Call], Any] | None:
    """The function with its attempt events; None when nobody observes them."""
    before, after = plan.events.get("before_attempt"), plan.events.get("after_attempt")
    check = check_arguments(plan)
    if check is None:
        return None
    function = plan.function

    def attempt(call: Call) -> Any:
        check(call)
        call.attempt = 1
        try:
            if before is not None:
                before(call, 1)
            value = function(*call.args, **call.kwargs)
        except BaseException as error:
            if after is not None:
                after(call, 1, error)
            raise
        if after is not None:
            after(call, 1, None)
        return value

    return attempt


def _layered(plan: Plan) -> Callable[[Call], Any]:
    function = plan.function
    before, after = plan.events.get("before_attempt"), plan.events.get("after_attempt")
    check = check_arguments(plan)

    async def bottom(call: Call) -> Any:
        seen = original_of(call)
        seen.attempt = number = seen.attempt + 1
        try:
            if before is not None:
                before(seen, number)
            limit = call._limit
            if limit is None:
                value = function(*call.args, **call.kwargs)
            else:
                value = run_within(limit, call, function)
        except BaseException as error:
            if after is not None:
                after(seen, number, error)
            if isinstance(error, StopIteration):
                raise CarriedStop(error) from None
            raise
        if after is not None:
            after(seen, number, None)
        return value

    top = fold(plan, bottom, "run")

    def layered(call: Call) -> Any:
        if check is not None:
            check(call)
        # A layer of a sync task never suspends, so its coroutine ends at the first step. Inline, as frames are dear:
        # a call may take four of ours, or recursion would end too early.
        coroutine = top(call)
        try:
            coroutine.send(None)
        except StopIteration as stop:
            return stop.value
        except CarriedStop as carried:
            raise carried.args[0] from None
        raise end_suspension(call, coroutine, coroutine.throw)

    return layered
