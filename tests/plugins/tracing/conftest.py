"""What the tests of tracing share: an exporter that keeps its spans, and a plugin that retries."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

from pegboard import Layer, Option, Order, Session, hookimpl
from pegboard_tracing import Tracing


class _Into(SpanExporter):
    """Appends to a list, also after a shutdown."""

    def __init__(self, spans):
        self._spans = spans

    def export(self, spans):
        self._spans.extend(spans)
        return SpanExportResult.SUCCESS


class Kept:
    """An exporter: hands tracing a processor, and keeps the spans that come out."""

    name = "kept"

    def __init__(self) -> None:
        self.spans = []  # every finished span, in the order of their ends
        self.extra = []  # more processors to hand out

    @hookimpl(optionalhook=True)
    def span_processors(self, session):
        return [SimpleSpanProcessor(_Into(self.spans)), *self.extra]

    @property
    def names(self):
        return [span.name for span in self.spans]

    def span(self, name, number=0):
        """The span of this name; of several, the one that ended as `number` from 0."""
        return [span for span in self.spans if span.name == name][number]

    def parent(self, span):
        """Name of a span's parent, or None."""
        ids = {other.context.span_id: other.name for other in self.spans}
        return None if span.parent is None else ids[span.parent.span_id]


@pytest.fixture
def kept():
    """The exporter of `session`."""
    return Kept()


@pytest.fixture
def session(kept):
    """An open, strict session that traces into `kept`."""
    with Session(Tracing(), kept, inherit=False, strict=True) as opened:
        yield opened


class _Again:
    name = "again"

    @hookimpl
    def bind(self, session, task):
        again = task.option(Again)
        if again is None:
            return None

        async def run(call: Any, proceed: Any) -> Any:
            for attempt in range(1, again.most):
                try:
                    return await proceed(call)
                except Exception as error:  # noqa: BLE001 - retries on anything
                    call.emit("on_retry", attempt, error, 0.0)
            return await proceed(call)

        async def stream(call: Any, proceed: Any) -> Any:
            for attempt in range(1, again.most):
                try:
                    async for item in proceed(call):
                        yield item
                    return
                except Exception as error:  # noqa: BLE001 - retries on anything
                    call.emit("on_retry", attempt, error, 0.0)
            async for item in proceed(call):
                yield item

        return Layer("again", Order.RETRY, run=run, stream=stream)


@attrs.frozen
class Again(Option):
    """Runs a task up to so many times."""

    plugin_name = "again"
    most: int = 3

    @classmethod
    def plugin(cls):
        return _Again


@pytest.fixture
def again():
    """The option that has a task retried."""
    return Again
