"""The span processor that tracing hands every span to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

if TYPE_CHECKING:
    from pegboard_otlp._outbox import Outbox


class QueueingProcessor(SpanProcessor):
    """Puts every sampled span into an outbox as it ends."""

    def __init__(self, outbox: Outbox[ReadableSpan]) -> None:
        self._outbox = outbox
        self._put = outbox.put

    def on_end(self, span: ReadableSpan) -> None:
        """Take a span that has ended."""
        context = span.context
        if context is not None and context.trace_flags.sampled:
            self._put(span)

    def shutdown(self) -> None:
        """Take no more; the session waits for what is there."""
        self._outbox.begin_end()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send what is there."""
        return self._outbox.begin_flush()(timeout_millis / 1_000)
