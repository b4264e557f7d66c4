"""Runs a plain function."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING, Any

from pegboard.calls.call import original_of
from pegboard.calls.time_limit import run_within
from pegboard.current import running_call
from pegboard.parts.stopping import refuse_stopped
from pegboard.plans.folding import CarriedStop, arity_of, counts_attempts, end_suspension, fold
from pegboard.records import Outcome, make_outcome

if TYPE_CHECKING:
    from pegboard.calls.call import Call
    from pegboard.plans.plan import Plan


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
    before, after = plan.events.get("before_execute"), plan.events.get("after_execute")
    fail, end = plan.fail, plan.leave
    enter_scopes = plan.enter if plan.scopes else None
    must_end = bool(plan.scopes) or plan.strict
    enter, leave = running_call.set, running_call.reset

    def run(call: Call) -> Any:
        token = enter(call)
        try:
            call.started = started = perf_counter()
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
                call.outcome = outcome = make_outcome(
                    Outcome, ("ok", call.source, value, None, call.attempt, perf_counter() - started)
                )
                if after is not None:
                    after(call, outcome)
                return value
            finally:
                if must_end:
                    end(call, entered)
        finally:
            leave(token)

    return run


def _attempted(plan: Plan) -> Callable[[Call], Any] | None:
    """The function with its attempt events; None when nobody observes them."""
    if not counts_attempts(plan):
        return None
    before, after = plan.events.get("before_attempt"), plan.events.get("after_attempt")
    least, most, check = arity_of(plan)
    function = plan.function

    def attempt(call: Call) -> Any:
        if call.kwargs or not least <= len(call.args) <= most:
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
    least, most, check = arity_of(plan)
    top = fold(plan, _told_bottom(plan) if counts_attempts(plan) else _quiet_bottom(plan), "run")

    def layered(call: Call) -> Any:
        if call.kwargs or not least <= len(call.args) <= most:
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


def _quiet_bottom(plan: Plan) -> Callable[[Call], Any]:
    """What the innermost layer proceeds to, when nobody observes attempts."""
    function = plan.function

    async def bottom(call: Call) -> Any:
        if call.attempt:
            refuse_stopped()
        call.attempt += 1
        limit = call.time_limit
        try:
            if limit is not None:
                return run_within(limit, call, function)
            return function(*call.args, **call.kwargs)
        except StopIteration as stop:
            raise CarriedStop(stop) from None

    return bottom


def _told_bottom(plan: Plan) -> Callable[[Call], Any]:
    """What the innermost layer proceeds to, with the events of the attempt."""
    function = plan.function
    before, after = plan.events.get("before_attempt"), plan.events.get("after_attempt")

    async def bottom(call: Call) -> Any:
        seen = original_of(call)
        if seen.attempt:
            refuse_stopped()
        seen.attempt = number = seen.attempt + 1
        limit = call.time_limit
        try:
            if before is not None:
                before(seen, number)
            if limit is not None:
                value = run_within(limit, call, function)
            else:
                value = function(*call.args, **call.kwargs)
        except BaseException as error:
            if after is not None:
                after(seen, number, error)
            if isinstance(error, StopIteration):
                raise CarriedStop(error) from None
            raise
        if after is not None:
            after(seen, number, None)
        return value

    return bottom
