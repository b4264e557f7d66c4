"""Links to spans that are neither parents nor children: what a call waited for, and what computed a kept value."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING

from opentelemetry.trace import Link, Span, SpanContext, TraceFlags

from pegboard.records import DEPENDS_ON, RESUMES, SERVED_FROM
from pegboard_tracing import _names

if TYPE_CHECKING:
    from pegboard import Call

Ids = tuple[str | None, str | None]

LINKS_MOST = 100  # the SDK keeps 128, and drops the rest without a word
_UNKNOWN = TraceFlags(TraceFlags.DEFAULT)
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)


def dependencies_of(call: Call) -> Sequence[Ids]:
    """Return the ids of the spans that a call waited for, as whoever made the call has noted them."""
    found: Sequence[Ids] = call.state.get(DEPENDS_ON, ())
    return found


def dependency_links(found: Sequence[Ids]) -> list[Link]:
    """Make a link to each, up to a limit; a call that nobody traced has no ids, and is left out."""
    known = ((trace_id, span_id) for trace_id, span_id in found if trace_id and span_id)
    type_of_link = {_names.LINK_TYPE: "depends_on"}
    return [Link(_context(ids, _UNKNOWN, is_remote=False), type_of_link) for ids in islice(known, LINKS_MOST)]


def link_to_origin(span: Span, call: Call) -> None:
    """Link the span of a call to the one that computed its kept value, where the store of values knows it."""
    ids = call.state.get(SERVED_FROM)
    if ids is not None:
        span.add_link(_context(ids, _SAMPLED, is_remote=True), {_names.LINK_TYPE: "served_from"})


def link_to_begin(span: Span, call: Call) -> None:
    """Link the span of a call that goes on with a durable run to the one that began it, where that was traced."""
    ids = call.state.get(RESUMES)
    if ids is not None:
        span.add_link(_context(ids, _SAMPLED, is_remote=True), {_names.LINK_TYPE: "resume_of"})


def _context(ids: tuple[str, str], flags: TraceFlags, *, is_remote: bool) -> SpanContext:
    trace_id, span_id = ids
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote, flags)
