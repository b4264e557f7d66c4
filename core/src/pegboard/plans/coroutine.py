"""Runs a coroutine function."""

from __future__ import annotations

import sys
from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING, Any

from pegboard.calls.call import original_of
from pegboard.current import joining, running_call
from pegboard.plans.folding import arity_of, counts_attempts, fold
from pegboard.records import Outcome, make_outcome

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from contextvars import Token

    from pegboard.calls.call import Call
    from pegboard.plans.plan import Plan

Run = Callable[["Call"], "Coroutine[Any, Any, Any]"]


def build(plan: Plan) -> Run:
    """Make the runner of a plan for a coroutine function."""
    attempted = _attempted(plan)
    if plan.layers:
        inner = _checked(plan, fold(plan, attempted, "run"))
    elif counts_attempts(plan):
        inner = _checked(plan, attempted)
    else:
        inner = _first_attempt(plan)
    return _watched(plan, inner) if plan.watched else _bare(plan, inner)


def _restore(token: Token[Call | None]) -> None:
    """Make the outer call current again.

    A coroutine that is dropped half-way ends in whatever context collects it, where nothing is to be restored.
    """
    try:
        running_call.reset(token)
    except ValueError:
        pass


def _bare(plan: Plan, inner: Callable[[Call], Any]) -> Run:
    note = plan.note
    enter, joining_now = running_call.set, joining.get

    async def run(call: Call) -> Any:
        if (waiting := joining_now()) is not None:
            waiting.take(call, sys._getframe())
        token = enter(call)
        try:
            return await inner(call)
        except Exception as error:
            note(call, error)
            raise
        finally:
            _restore(token)

    return _named(run, plan)


def _watched(plan: Plan, inner: Callable[[Call], Any]) -> Run:
    before, after = plan.events.get("before_execute"), plan.events.get("after_execute")
    fail, end = plan.fail, plan.leave
    enter_scopes = plan.enter if plan.scopes else None
    must_end = bool(plan.scopes) or plan.strict
    enter, joining_now = running_call.set, joining.get

    async def run(call: Call) -> Any:
        if (waiting := joining_now()) is not None:
            waiting.take(call, sys._getframe())
        token = enter(call)
        try:
            call.started = started = perf_counter()
            entered = None if enter_scopes is None else enter_scopes(call)
            try:
                try:
                    if before is not None:
                        before(call)
                    value = await inner(call)
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
            _restore(token)

    return _named(run, plan)


def _named(run: Run, plan: Plan) -> Run:
    """Have the coroutines of a task bear its name: in tracebacks, in asyncio's debug mode, and where they are gathered."""
    run.__qualname__ = plan.task.name
    return run


def _first_attempt(plan: Plan) -> Callable[[Call], Any]:
    function = plan.function

    def start(call: Call) -> Any:
        call.attempt = 1
        return function(*call.args, **call.kwargs)

    return start


def _attempted(plan: Plan) -> Callable[[Call], Any]:
    function = plan.function
    before, after = plan.events.get("before_attempt"), plan.events.get("after_attempt")
    if before is None and after is None:

        def start(call: Call) -> Any:
            call.attempt += 1
            return function(*call.args, **call.kwargs)

        return start

    async def attempt(call: Call) -> Any:
        seen = original_of(call)
        seen.attempt = number = seen.attempt + 1
        try:
            if before is not None:
                before(seen, number)
            value = await function(*call.args, **call.kwargs)
        except BaseException as error:
            if after is not None:
                after(seen, number, error)
            raise
        if after is not None:
            after(seen, number, None)
        return value

    return attempt


def _checked(plan: Plan, inner: Callable[[Call], Any]) -> Callable[[Call], Any]:
    least, most, check = arity_of(plan)

    def checked(call: Call) -> Any:
        if call.kwargs or not least <= len(call.args) <= most:
            check(call)
        return inner(call)

    return checked
