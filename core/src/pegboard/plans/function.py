"""Runs a plain function.

Its layers are coroutines that never wait for anything but the function: the innermost of them asks for it, which suspends
them all, and the runner calls it in its own frame. So however many layers a task has, they take no part of the stack, and a
call takes two frames of ours.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Generator
from time import perf_counter
from typing import TYPE_CHECKING, Any

from pegboard.calls.arity import UNCHECKED
from pegboard.calls.call import Call, original_of
from pegboard.calls.time_limit import run_within
from pegboard.current import running_call
from pegboard.parts.stopping import refuse_stopped
from pegboard.plans.events import ENDED
from pegboard.plans.folding import (
    CarriedStop,
    arity_of,
    end_suspension,
    observes_attempts,
    outermost,
    refuse_complaint,
    refuse_unawaited,
)
from pegboard.records import Outcome, make_outcome

if TYPE_CHECKING:
    from pegboard.plans.plan import Plan

Run = Callable[["Call"], Any]

_COROUTINE, _GENERATOR = types.CoroutineType, types.GeneratorType


def build(plan: Plan) -> Run:
    """Make the runner of a plan for a function."""
    if plan.layers:
        return _layered(plan)
    return _watched(plan) if plan.watched else _bare(plan)


def _bare(plan: Plan) -> Run:
    """For a task that nothing is hung on."""
    function = plan.function
    note = plan.note
    make_current, reset = running_call.set, running_call.reset

    def run(call: Call) -> Any:
        token = None
        try:
            token = make_current(call)
            call.attempt = 1
            return function(*call.args, **call.kwargs)
        except Exception as error:
            note(call, error)
            raise
        finally:  # either is one call of C, which a Ctrl-C cannot come in between
            reset(token) if token is not None else make_current(call.parent)

    return run


def _watched(plan: Plan) -> Run:
    """For a task with observers and no layers."""
    function = plan.function
    before, after = plan.events.get("before_execute"), plan.events.get("after_execute")
    before_attempt, after_attempt = plan.events.get("before_attempt"), plan.events.get("after_attempt")
    least, most, check = arity_of(plan) if observes_attempts(plan) else UNCHECKED
    fail, end, end_attempt = plan.fail, plan.end, plan.end_attempt
    enter = plan.enter if plan.scopes else None
    must_end = bool(plan.scopes) or plan.strict
    make_current, reset = running_call.set, running_call.reset

    def run(call: Call) -> Any:
        entered: list[Any] | None = None
        token = None
        try:
            token = make_current(call)
            call.stage = 0
            call.started = perf_counter()
            try:
                if enter is not None:
                    entered = []
                    enter(call, entered)
                if before is not None:
                    before(call)
                if call.kwargs or not least <= len(call.args) <= most:
                    check(call)
                call.attempt = 1
                try:
                    if before_attempt is not None:
                        before_attempt(call, 1)
                    value = function(*call.args, **call.kwargs)
                    if after_attempt is not None:
                        after_attempt(call, 1, None)
                except BaseException as error:
                    end_attempt(call, error)
                    raise
                call.outcome = outcome = make_outcome(
                    Outcome, ("ok", call.source, value, None, call.attempt, perf_counter() - call.started)
                )
                if after is not None:
                    after(call, outcome)
                return value
            except BaseException as error:
                fail(call, error)
                raise
            finally:
                if must_end or (after is not None and call.stage < ENDED):
                    end(call, sys.exc_info()[1], entered)
        finally:
            reset(token) if token is not None else make_current(call.parent)

    return run


@types.coroutine
def _ask(call: Call) -> Generator[Call, Any, Any]:
    """What the innermost layer proceeds to: suspend all layers, until the runner has what the function gives."""
    return (yield call)


def _layered(plan: Plan) -> Run:
    """For a task with layers, and observers or none."""
    function = plan.function
    watched = plan.watched
    before, after = plan.events.get("before_execute"), plan.events.get("after_execute")
    before_attempt, after_attempt = plan.events.get("before_attempt"), plan.events.get("after_attempt")
    least, most, check = arity_of(plan)
    around, inner = outermost(plan, _ask, "run")
    fall, end, end_attempt = _falling(plan), plan.end, plan.end_attempt
    enter = plan.enter if plan.scopes else None
    must_end = bool(plan.scopes) or plan.strict
    make_current, reset = running_call.set, running_call.reset

    def run(call: Call) -> Any:
        entered: list[Any] | None = None
        layers: Any = None
        value: Any = None
        token = None
        try:
            token = make_current(call)
            if watched:
                call.stage = 0
                call.started = perf_counter()
            try:
                if enter is not None:
                    entered = []
                    enter(call, entered)
                if before is not None:
                    before(call)
                if call.kwargs or not least <= len(call.args) <= most:
                    check(call)
                layers = around(call, inner)
                try:
                    asked = layers.send(None)
                    while True:
                        if asked is not call and not _is_seen_as(asked, call):
                            raise end_suspension(call, layers, layers.throw)
                        number = call.attempt
                        try:
                            if number:
                                refuse_stopped()
                            limit = call.time_limit
                            left = 0.0 if limit is None else limit.left_for(asked)
                            call.attempt = number = number + 1
                            if before_attempt is not None:
                                before_attempt(call, number)
                            if limit is None:
                                value = function(*asked.args, **asked.kwargs)
                            else:
                                value = run_within(limit, left, asked, function)
                            if after_attempt is not None:
                                after_attempt(call, number, None)
                        except BaseException as error:  # noqa: BLE001 - it goes on its way through the layers
                            end_attempt(call, error)
                            # A StopIteration would end the layers; thrown as it is, it would be a RuntimeError (PEP 479).
                            asked = layers.throw(
                                CarriedStop(error) if isinstance(error, StopIteration) else error
                            )
                        else:
                            asked = layers.send(value)
                except StopIteration as stop:
                    value = stop.value
                except CarriedStop as carried:
                    raise carried.args[0] from None
                except (RuntimeError, AttributeError) as error:
                    refuse_complaint(call, error)
                    raise
                kind = type(value)
                if kind is _COROUTINE or kind is _GENERATOR:
                    refuse_unawaited(plan, value, _ask)
                if watched:
                    call.outcome = outcome = make_outcome(
                        Outcome, ("ok", call.source, value, None, call.attempt, perf_counter() - call.started)
                    )
                    if after is not None:
                        after(call, outcome)
                return value
            except BaseException as error:
                fall(call, layers, error)
                raise
            finally:
                if must_end or (after is not None and call.stage < ENDED):
                    end(call, sys.exc_info()[1], entered)
        finally:
            reset(token) if token is not None else make_current(call.parent)

    return run


def _falling(plan: Plan) -> Callable[[Call, Any, BaseException], None]:
    fail, note, let_go, watched = plan.fail, plan.note, plan.let_go, plan.watched

    def fall(call: Call, layers: Any, error: BaseException) -> None:
        """End layers and call with an error."""
        if layers is not None:
            layers.close()  # they have ended, unless a Ctrl-C came between them and the function
        let_go(call, error)
        if watched:
            fail(call, error)
        elif isinstance(error, Exception):
            note(call, error)

    return fall


def _is_seen_as(asked: object, call: Call) -> bool:
    """Whether this is the call, with other inputs."""
    return isinstance(asked, Call) and original_of(asked) is call


MAKERS = (_bare, _watched, _layered)  # of runners, for whoever looks for these on a stack
