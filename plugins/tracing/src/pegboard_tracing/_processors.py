"""What a provider of ours hands its spans to; needs the SDK."""

from __future__ import annotations

from opentelemetry.sdk.trace import SynchronousMultiSpanProcessor


class Processors(SynchronousMultiSpanProcessor):
    """The processors of the session that a provider serves; none once that is over."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # upstream has it so

    def shutdown(self) -> None:
        """Shut them down and forget them, so that another session may bring its own."""
        try:
            super().shutdown()
        finally:
            self._span_processors = ()
