"""Runs a coroutine function."""

from __future__ import annotations

import sys
from collections.abc import Callable
from time import perf_counter
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from pegboard.calls.call import original_of
from pegboard.current import joining, running_call
from pegboard.plans.events import ENDED, is_half_told
from pegboard.plans.folding import arity_of, fold, observes_attempts, refuse_unawaited
from pegboard.records import Outcome, make_outcome

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from pegboard.calls.call import Call
    from pegboard.plans.plan import Plan

Run = Callable[["Call"], "Coroutine[Any, Any, Any]"]


def build(plan: Plan) -> Run:
    """Make the runner of a plan for a coroutine function."""
    bottom = _attempted(plan) if observes_attempts(plan) else _counted(plan)
    if plan.layers:
        inner = _checked(plan, fold(plan, bottom, "run"))
    elif observes_attempts(plan):
        inner = _checked(plan, bottom)
    else:
        inner = bottom
    run = _runner(plan, inner, bottom if observes_attempts(plan) else plan.function)
    return _made(run, plan.told) if plan.told else run


def _made(run: Run, told: tuple[Callable[[Call], None], ...]) -> Run:
    """Tell layers of a call where it is made."""

    def make(call: Call) -> Coroutine[Any, Any, Any]:
        for tell in told:
            tell(call)
        return run(call)

    return make


def _runner(plan: Plan, inner: Callable[[Call], Any], innermost: Callable[..., Any]) -> Run:
    has_layers, watched = bool(plan.layers), plan.watched
    before, after = plan.events.get("before_execute"), plan.events.get("after_execute")
    fail, end, note, let_go = plan.fail, plan.end, plan.note, plan.let_go
    enter = plan.enter if plan.scopes else None
    must_end = bool(plan.scopes) or plan.strict
    current, make_current, reset = running_call.get, running_call.set, running_call.reset
    joining_now = joining.get
    calls = plan.in_flight
    begin, over = (None, None) if calls is None else (calls.add, calls.discard)

    async def run(call: Call) -> Any:
        if (waiting := joining_now()) is not None:
            waiting.take(call, sys._getframe())
        around, elsewhere = current(), False
        entered: list[Any] | None = None
        token = None
        try:
            token = make_current(call)
            if begin is not None:
                begin(call)
            if watched:
                call.stage = 0
                call.started = perf_counter()
            try:
                if enter is not None:
                    entered = []
                    enter(call, entered)
                if before is not None:
                    before(call)
                value = await inner(call)
                if has_layers and type(value) is CoroutineType:
                    refuse_unawaited(plan, value, innermost)
                if watched:
                    call.outcome = outcome = make_outcome(
                        Outcome, ("ok", call.source, value, None, call.attempt, perf_counter() - call.started)
                    )
                    if after is not None:
                        after(call, outcome)
                return value
            except BaseException as error:
                # Dropped half-way, it ends in whatever context collects it.
                elsewhere = isinstance(error, GeneratorExit) and current() is not call
                let_go(call, error)
                if watched:
                    fail(call, error)
                elif isinstance(error, Exception):
                    note(call, error)
                raise
            finally:
                if must_end or (after is not None and call.stage < ENDED):
                    end(call, sys.exc_info()[1], entered)
        finally:
            try:
                if not elsewhere:  # either is one call of C, which a Ctrl-C cannot come in between
                    reset(token) if token is not None else make_current(around)
            except ValueError:  # its last step was in another context than its first one
                make_current(around)
            finally:
                if over is not None:
                    over(call)

    return _named(run, plan)


def _named(run: Run, plan: Plan) -> Run:
    """Have the coroutines of a task bear its name: in tracebacks, in asyncio's debug mode, and where they are gathered."""
    run.__qualname__ = plan.task.name
    return run


def _counted(plan: Plan) -> Callable[[Call], Any]:
    """The function, its attempts counted and nobody told."""
    function = plan.function

    def start(call: Call) -> Any:
        call.attempt += 1
        return function(*call.args, **call.kwargs)

    return start


def _attempted(plan: Plan) -> Callable[[Call], Any]:
    """The function with its attempt events."""
    function = plan.function
    before, after = plan.events.get("before_attempt"), plan.events.get("after_attempt")

    async def attempt(call: Call) -> Any:
        seen = original_of(call)
        seen.attempt = number = seen.attempt + 1
        try:
            if before is not None:
                before(seen, number)
            value = await function(*call.args, **call.kwargs)
            if after is not None:
                after(seen, number, None)
        except BaseException as error:
            if after is not None and is_half_told(seen, number, before):
                after(seen, number, error)
            raise
        return value

    return attempt


def _checked(plan: Plan, inner: Callable[[Call], Any]) -> Callable[[Call], Any]:
    least, most, check = arity_of(plan)

    def checked(call: Call) -> Any:
        if call.kwargs or not least <= len(call.args) <= most:
            check(call)
        return inner(call)

    return checked
