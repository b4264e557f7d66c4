"""The scope that tracing puts around every call: one span, current where the function and its layers run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import Token
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs
from opentelemetry.context import Context, attach
from opentelemetry.trace import Span, SpanKind, TraceFlags, Tracer, set_span_in_context

from pegboard import Scope
from pegboard_tracing import _names
from pegboard_tracing._attempts import Attempts
from pegboard_tracing._context import restore
from pegboard_tracing._deferred import deferred_scope
from pegboard_tracing._exceptions import ErrorRules, record_error
from pegboard_tracing._links import Ids, dependencies_of, dependency_links
from pegboard_tracing._shown import shown
from pegboard_tracing._signal import Record, as_event
from pegboard_tracing._suppressed import Late, Suppressed

if TYPE_CHECKING:
    from pegboard import Call, Session, Task
    from pegboard_tracing._groups import MapSpan, MapSpans
    from pegboard_tracing._option import Code, Traced

_INTERNAL = SpanKind.INTERNAL
_SAMPLED = TraceFlags.SAMPLED
_CALL_ID = _names.CALL_ID

Entered = tuple[Span, Token[Context], "MapSpan | None"]


@attrs.frozen
class SpanShape:
    """What the spans of one task in one session have in common.

    Attributes:
        name: Name of the span.
        attributes: The ready dict that it starts with; samplers see these. Status and source are what nearly every call
            ends with, and corrected at the end where it does not: an attribute set later costs four times as much.
        arguments: Parameters whose values are recorded.
        rules: How exceptions are.
        attempts: Whether anything may run the function more than once, or not at all.
        deferred: Whether there is a span only once the function runs.
    """

    name: str
    attributes: dict[str, str | int]
    arguments: tuple[str, ...]
    rules: ErrorRules
    attempts: bool
    deferred: bool

    @classmethod
    def of(
        cls, session: Session, task: Task[..., Any], traced: Traced, record: Record = as_event
    ) -> SpanShape:
        """Work it out for a task."""
        attempts = any(option.plugin_name != traced.plugin_name for option in task.options)
        attributes: dict[str, str | int] = {
            _names.TASK_NAME: task.name,
            _names.SESSION_ID: session.id,
            _names.CALL_STATUS: "ok",
            _names.CALL_SOURCE: "run",
        }
        return cls(
            name=task.name,
            attributes=attributes | code_attributes(task.__wrapped__, traced.code),
            arguments=traced.arguments,
            rules=ErrorRules.of(session, task, traced, record),
            attempts=attempts,
            deferred=attempts and not traced.hits,
        )


def code_attributes(function: Any, code: Code) -> dict[str, str | int]:
    """Tell where a function is written, as far as it is one."""
    if code == "off":
        return {}
    function = getattr(function, "func", function)  # functools.partial
    named = function if hasattr(function, "__qualname__") else type(function)
    found: dict[str, str | int] = {_names.CODE_FUNCTION: f"{named.__module__}.{named.__qualname__}"}
    where = getattr(function, "__code__", None)
    if code == "all" and where is not None:
        found |= {_names.CODE_FILE: where.co_filename, _names.CODE_LINE: where.co_firstlineno}
    return found


def call_scope(shape: SpanShape, find_tracer: Callable[[], Tracer], maps: MapSpans) -> Scope:
    """Make the scope of one task in one session.

    Args:
        shape: What its spans have in common.
        find_tracer: Asked once, at the first call.
        maps: The spans of the maps that are running.
    """
    tracer: Tracer | None = None
    name, ready, rules = shape.name, shape.attributes, shape.rules
    add_inputs = _input_recorder(shape.arguments) if shape.arguments else None
    may_retry = shape.attempts
    running = maps.running
    recording = False  # whether the last span of this task was recorded: the best guess at the next

    def enter(call: Call, started: int | None = None) -> Entered | Suppressed | None:
        nonlocal tracer, recording
        if tracer is None:
            tracer = find_tracer()
        around = running.get(call.group) if running else None
        above = links = None
        waited_for: Sequence[Ids] = ()
        if around is not None:
            if not around.admit():
                return Suppressed(call, around, started)
            above = around.context
            if around.has_edges:
                waited_for = dependencies_of(call)
                links = dependency_links(waited_for)
        has_id = recording
        attributes = ready
        if has_id:
            attributes = ready.copy()  # two thirds of what `ready | {...}` takes
            attributes[_CALL_ID] = call.id
        span = tracer.start_span(name, above, _INTERNAL, attributes, links, started)
        ids = span.get_span_context()
        recording = span.is_recording()
        if not recording and not ids.is_valid:  # no provider, and no parent from elsewhere
            return None
        call.trace_id = ids.trace_id.to_bytes(16, "big").hex()
        call.span_id = ids.span_id.to_bytes(8, "big").hex()
        call.sampled = ids.trace_flags & _SAMPLED != 0
        if recording:
            if not has_id:
                span.set_attribute(_CALL_ID, call.id)
            if may_retry:
                call.state[Attempts] = Attempts(tracer, span, rules)
            if waited_for:
                span.set_attribute(_names.LINKS_COUNT, len(waited_for))
            if add_inputs is not None:
                add_inputs(span, call)
        return span, attach(set_span_in_context(span, above)), around

    def write_late(call: Call, above: Context, started: int, ended: int) -> None:
        assert tracer is not None  # noqa: S101 - for the type checker: the call has been entered
        span = tracer.start_span(name, above, _INTERNAL, ready | {_CALL_ID: call.id}, None, started)
        if span.is_recording():
            if add_inputs is not None:
                add_inputs(span, call)
            _correct(span, call, rules)
        span.end(ended)

    def leave_late(call: Call, entered: Suppressed) -> None:
        around = entered.around
        restore(entered.token)
        around.count(call)
        around.over(call, Late(entered.started, partial(write_late, call, around.context)))

    def leave(call: Call, entered: Entered | Suppressed | None) -> None:
        if entered is None:
            return
        if isinstance(entered, Suppressed):
            leave_late(call, entered)
            return
        span, token, around = entered
        recorded = span.is_recording()
        try:
            if recorded:
                _correct(span, call, rules)
        finally:
            restore(token)
            if around is not None:
                around.count(call)
            if recorded:
                span.end()

    if shape.deferred:
        return deferred_scope(enter, leave, maps)
    return Scope("tracing", enter, leave)


def _correct(span: Span, call: Call, rules: ErrorRules) -> None:
    """Set what a call did not end as `SpanShape.attributes` said it would."""
    outcome = call.outcome
    if outcome is None:  # interrupted before it began
        span.set_attribute(_names.CALL_STATUS, "cancelled")
        return
    if outcome.status != "ok":
        span.set_attribute(_names.CALL_STATUS, outcome.status)
    if outcome.source != "run":
        span.set_attribute(_names.CALL_SOURCE, outcome.source)
    if outcome.attempts > 1:
        span.set_attribute(_names.CALL_ATTEMPTS, outcome.attempts)
    if call.executor != "inline":
        span.set_attribute(_names.EXECUTOR_NAME, call.executor)
    if outcome.error is not None:
        record_error(span, outcome.error, rules, call.id, call.parent_id)


def _input_recorder(names: tuple[str, ...]) -> Callable[[Span, Call], None]:
    def add_inputs(span: Span, call: Call) -> None:
        try:
            inputs = call.inputs
        except TypeError:  # they do not fit the signature: the call is about to say so
            return
        for name in names:
            if name in inputs:
                span.set_attribute(_names.ARGUMENT + name, shown(inputs[name], call.session.masks))

    return add_inputs
