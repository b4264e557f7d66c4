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
from pegboard_tracing._groups import Suppressed
from pegboard_tracing._late import Late
from pegboard_tracing._links import Ids, dependencies_of, dependency_links
from pegboard_tracing._shown import shown
from pegboard_tracing._signal import Record, as_event

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


class CallScope:
    """The scope of one task in one session.

    Args:
        shape: What its spans have in common.
        find_tracer: Asked once, at the first call.
        maps: The spans of the maps that are running.
    """

    __slots__ = ("_find_tracer", "_maps", "_running", "_shape", "_spans")

    def __init__(self, shape: SpanShape, find_tracer: Callable[[], Tracer], maps: MapSpans) -> None:
        self._shape = shape
        self._find_tracer = find_tracer
        self._maps = maps
        self._running = maps.running
        self._spans: CallSpans | None = None

    def scope(self) -> Scope:
        """Make what the session puts around every call."""
        if self._shape.deferred:
            return deferred_scope(self._enter, self._leave, self._maps)
        return Scope("tracing", self._enter, self._leave)

    def _enter(self, call: Call, started: int | None = None) -> Entered | Suppressed | None:
        spans = self._spans
        if spans is None:
            spans = self._spans = CallSpans(self._shape, self._find_tracer())
        around = self._running.get(call.group) if self._running else None
        above = None
        waited_for: Sequence[Ids] = ()
        if around is not None:
            if not around.admit():
                return Suppressed(call, around, started)
            above = around.context
            if around.has_edges:
                waited_for = dependencies_of(call)
        span = spans.start(call, above, waited_for, started)
        if span is None:
            return None
        return span, attach(set_span_in_context(span, above)), around

    def _leave(self, call: Call, entered: Entered | Suppressed | None) -> None:
        if entered is None:
            return
        if isinstance(entered, Suppressed):
            self._leave_suppressed(call, entered)
            return
        span, token, around = entered
        recorded = span.is_recording()
        try:
            if recorded:
                _correct(span, call, self._shape.rules)
        finally:
            restore(token)
            if around is not None:
                around.count(call)
            if recorded:
                span.end()

    def _leave_suppressed(self, call: Call, entered: Suppressed) -> None:
        assert self._spans is not None  # noqa: S101 - for the type checker: the call has been entered
        around = entered.around
        restore(entered.token)
        around.count(call)
        around.over(call, Late(entered.started, partial(self._spans.write_late, call, around.context)))


class CallSpans:
    """Makes the spans of one task's calls."""

    __slots__ = (
        "_inputs",
        "_may_retry",
        "_name",
        "_ready",
        "_recording",
        "_rules",
        "_start_span",
        "_tracer",
    )

    def __init__(self, shape: SpanShape, tracer: Tracer) -> None:
        self._tracer = tracer
        self._start_span = tracer.start_span
        self._name = shape.name
        self._ready = shape.attributes
        self._rules = shape.rules
        self._may_retry = shape.attempts
        self._inputs = Inputs(shape.arguments) if shape.arguments else None
        self._recording = False  # whether the last span of this task was recorded: the best guess at the next

    def start(
        self, call: Call, above: Context | None, waited_for: Sequence[Ids], started: int | None
    ) -> Span | None:
        """Start the span of a call and tell the call its ids; None where there is neither a provider nor a parent from elsewhere."""
        attributes = self._ready
        has_id = self._recording
        if has_id:
            attributes = attributes.copy()  # two thirds of what `ready | {...}` takes
            attributes[_CALL_ID] = call.id
        links = dependency_links(waited_for) if waited_for else None
        span = self._start_span(self._name, above, _INTERNAL, attributes, links, started)
        ids = span.get_span_context()
        self._recording = recording = span.is_recording()
        if not recording and not ids.is_valid:
            return None
        call.trace_id = ids.trace_id.to_bytes(16, "big").hex()
        call.span_id = ids.span_id.to_bytes(8, "big").hex()
        call.sampled = ids.trace_flags & _SAMPLED != 0
        if recording:
            if not has_id:
                span.set_attribute(_CALL_ID, call.id)
            if self._may_retry:
                call.state[Attempts] = Attempts(self._tracer, span, self._rules)
            if waited_for:
                span.set_attribute(_names.LINKS_COUNT, len(waited_for))
            if self._inputs is not None:
                self._inputs.add(span, call)
        return span

    def write_late(self, call: Call, above: Context, started: int, ended: int) -> None:
        """Write the span of a call that is over."""
        attributes = self._ready | {_CALL_ID: call.id}
        span = self._start_span(self._name, above, _INTERNAL, attributes, None, started)
        if span.is_recording():
            if self._inputs is not None:
                self._inputs.add(span, call)
            _correct(span, call, self._rules)
        span.end(ended)


class Inputs:
    """Records the values of the parameters that `Traced(arguments=...)` names."""

    __slots__ = ("_names",)

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names

    def add(self, span: Span, call: Call) -> None:
        """Set them as attributes of a span."""
        try:
            inputs = call.inputs
        except TypeError:  # they do not fit the signature: the call is about to say so
            return
        for name in self._names:
            if name in inputs:
                span.set_attribute(_names.ARGUMENT + name, shown(inputs[name], call.session.masks))


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
