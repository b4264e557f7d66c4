"""Traces across processes: the context of a call travels in its carrier, as W3C texts."""

from __future__ import annotations

from contextvars import Token
from typing import TYPE_CHECKING

from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context, attach
from opentelemetry.trace import TraceFlags, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from pegboard import Scope
from pegboard_tracing._context import restore

if TYPE_CHECKING:
    from pegboard import Call

_trace_context = TraceContextTextMapPropagator()
_baggage = W3CBaggagePropagator()


def write_context(carrier: dict[str, str]) -> None:
    """Write the current span and baggage down."""
    _trace_context.inject(carrier)
    _baggage.inject(carrier)


def worker_scope() -> Scope:
    """Make the scope around a function in a worker: the span of its call at home is current there."""
    return Scope("tracing", _enter, _leave)


def _enter(call: Call) -> Token[Context]:
    context = _baggage.extract(call.carrier, _trace_context.extract(call.carrier, Context()))
    ids = get_current_span(context).get_span_context()
    if ids.is_valid:
        call.trace_id = ids.trace_id.to_bytes(16, "big").hex()
        call.span_id = ids.span_id.to_bytes(8, "big").hex()
        call.sampled = ids.trace_flags & TraceFlags.SAMPLED != 0
    return attach(context)


def _leave(call: Call, token: Token[Context]) -> None:  # noqa: ARG001 - the signature of a scope
    restore(token)
