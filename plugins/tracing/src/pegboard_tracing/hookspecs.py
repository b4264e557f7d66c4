"""The hook spec that tracing adds to a session: how exporters get its spans."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pegboard import Session, hookspec

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor


@hookspec
def span_processors(session: Session) -> Sequence[SpanProcessor]:  # type: ignore[empty-body] # a spec has none
    """Return the span processors through which an exporter gets the spans of `session`.

    Asked once for each exporter and session, when tracing is first used after the exporter was attached. When any come,
    tracing makes a provider for the session, hands them every span, and shuts them down at the end of the session:
    return new ones for each session. An error, or anything that is no span processor, is raised as `BindError`.

    An exporter marks its implementation `@hookimpl(optionalhook=True)`, so that it may be attached before tracing.
    """
