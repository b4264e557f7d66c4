"""The provider that `Tracing(install=True)` makes the application's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry import trace

from pegboard.parts import new_rlock

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider as OwnProvider
    from opentelemetry.trace import TracerProvider


class Installed:
    """A session's own provider that is the application's, and stays it: OpenTelemetry sets one once a process.

    Another session takes it over when that one has ended, and so do the tracers that the application has got from it.
    """

    def __init__(self) -> None:
        self._guard = new_rlock()
        self._free: OwnProvider | None = None

    def take(self) -> OwnProvider | None:
        """Return the provider of a session that has ended, if it is the application's."""
        with self._guard:
            taken, self._free = self._free, None
        return taken

    def give_back(self, provider: OwnProvider) -> None:
        """Offer the provider of a session that has ended to others, if it is the application's."""
        if is_set(provider):
            self._free = provider


def is_set(provider: TracerProvider | None) -> bool:
    """Whether this is the application's provider."""
    return provider is not None and trace.get_tracer_provider() is provider


INSTALLED = Installed()
