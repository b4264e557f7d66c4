"""What `opentelemetry-instrument python app.py` switches on: tracing in every session, without a line of code.

`OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=pegboard` turns it off.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined] # it leaves it out of __all__

from pegboard.sessions.default import attach_everywhere, detach_everywhere
from pegboard_tracing._plugin import Tracing


class PegboardInstrumentor(BaseInstrumentor):  # type: ignore[misc] # for the same reason it is Any
    """Attaches `Tracing()` to every outermost session; spans go to the application's global provider."""

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return what has to be installed."""
        return ("pegboard-core >= 0.1",)

    def _instrument(self, **_: Any) -> None:
        attach_everywhere(Tracing.name)

    def _uninstrument(self, **_: Any) -> None:
        detach_everywhere(Tracing.name)
