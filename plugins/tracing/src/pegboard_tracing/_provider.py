"""Which provider the spans of a session go to: one named, the session's own, or the application's."""

from __future__ import annotations

import functools
import importlib.metadata
from typing import TYPE_CHECKING

from opentelemetry import trace

from pegboard import ConfigError
from pegboard.parts import new_rlock
from pegboard_tracing import _names
from pegboard_tracing._asking import Asked, exporters_with, made_by
from pegboard_tracing._installed import INSTALLED, is_set
from pegboard_tracing._nowhere import say_if_nowhere
from pegboard_tracing._signal import VARIABLE, Record, as_event, chosen_signal, recorder

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.sdk.trace import TracerProvider as OwnProvider
    from opentelemetry.trace import Tracer, TracerProvider
    from pluggy import HookImpl

    from pegboard import Session
    from pegboard_tracing._exception_logs import ExceptionLogs

_HOOK = "span_processors"
_ASKED = Asked(
    hook=_HOOK,
    kind="span processor",
    methods=("on_start", "on_end", "shutdown"),
    example="a list of opentelemetry.sdk.trace.SpanProcessor, as BatchSpanProcessor(exporter)",
)


class SpanRoute:
    """Where the spans of one session go, found out when they first do.

    Args:
        session: The session that the plugin was started in.
        named: The provider given to `Tracing`, if any.
    """

    def __init__(self, session: Session, named: TracerProvider | None) -> None:
        self._session = session
        self._named = named
        self._guard = new_rlock()
        self._asked: list[object] = []
        self._own: OwnProvider | None = None
        self._tracer: tuple[TracerProvider, Tracer] | None = None
        self._exception_logs: ExceptionLogs | None = None
        self._is_of_child = self._is_renewed = False

    def begin_anew(self) -> None:
        """In a forked child: its spans tell another service instance, from the next task that is bound.

        Not at once, as the SDK renews its providers there, too.
        """
        self._is_of_child, self._is_renewed = True, False
        self._exception_logs = None

    def tracer(self) -> Tracer:
        """Return the tracer of Pegboard's own spans."""
        provider = self.provider()
        known = self._tracer
        if known is None or known[0] is not provider:
            say_if_nowhere(provider)
            tracer = provider.get_tracer(_names.SCOPE, _version(), _names.SCHEMA_URL)
            known = self._tracer = (provider, tracer)
        return known[1]

    def provider(self) -> TracerProvider:
        """Return the provider, after asking every exporter that was not asked yet for its processors.

        Raises:
            ConfigError: An exporter's processors cannot be had, or there is no provider of our own to give them to.
        """
        with self._guard:
            if any(not self._was_asked(found) for found in _exporters(self._session)):
                self._ask_exporters()
            if self._is_of_child and not self._is_renewed:
                self._renew()
            return self._named or self._own or trace.get_tracer_provider()

    def exception_recorder(self) -> Record:
        """Return what records exceptions, as the environment says now.

        Raises:
            ConfigError: As log records, and the installed OpenTelemetry has no logs API, or another one.
        """
        signal = chosen_signal()
        if signal == "event":
            return as_event
        with self._guard:
            if self._exception_logs is None:
                try:
                    from pegboard_tracing._exception_logs import ExceptionLogs
                except ImportError as error:
                    raise _no_logs(signal) from error
                self._exception_logs = ExceptionLogs(self._session, _version(), is_of_child=self._is_of_child)
            return recorder(signal, self._exception_logs.record)

    def install(self) -> None:
        """Make the session's provider the application's.

        Raises:
            ConfigError: The application has one, and it is not that of a session which has ended.
        """
        with self._guard:
            if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
                trace.set_tracer_provider(self._named or self._make_own())
            elif self._named is None:
                self._own = INSTALLED.take()
            if is_set(self._named or self._own):
                return
        raise ConfigError(
            "Tracing(install=True) would replace the application's tracer provider, which OpenTelemetry allows once a "
            "process.\nLeave install out: spans go to the provider that is set, or to the session's exporters.",
            where="Tracing",
            key="install",
        )

    def check_inner(self, inner: Session) -> None:
        """Refuse an exporter that an inner session adds to the tracing it inherits.

        Raises:
            ConfigError: There is one; its spans would have to come out of a provider that others share.
        """
        mine = list(self._session.plugins.values())
        for found in _exporters(inner):
            if not any(found.plugin is plugin for plugin in mine):
                raise ConfigError(
                    f"the exporter {found.plugin_name!r} is attached to an inner session, and tracing to one around it, "
                    f"so it would get no spans.\nGive the inner session a tracing of its own: "
                    f"Session(Tracing(), {type(found.plugin).__name__}(...)).",
                    where="Tracing",
                    key=found.plugin_name,
                )

    def close(self) -> None:
        """Shut the session's own provider down, and with it the exporters' processors."""
        with self._guard:
            own, self._own = self._own, None
            logs, self._exception_logs = self._exception_logs, None
        try:
            if logs is not None:
                logs.close()
        finally:
            if own is not None:
                try:
                    own.shutdown()
                finally:
                    INSTALLED.give_back(own)

    def _renew(self) -> None:
        """Have our own provider, and the tracers that it has made, tell the service instance that a forked child is."""
        from pegboard_tracing.resource import resource_of_child

        own, self._is_renewed = self._own, True
        if own is None:
            return
        resource = resource_of_child(own.resource)
        if hasattr(own, "_update_resource"):
            own._update_resource(resource)  # noqa: SLF001 - private upstream, where it does the same after a fork
        else:
            own._resource, self._tracer = resource, None  # noqa: SLF001 - as above

    def _was_asked(self, found: HookImpl) -> bool:
        return any(found.plugin is plugin for plugin in self._asked)

    def _ask_exporters(self) -> None:
        """Take every new exporter's processors, or none and leave everything as it was."""
        new = [found for found in _exporters(self._session) if not self._was_asked(found)]
        processors: list[SpanProcessor] = []
        try:
            for found in new:
                processors += made_by(found, self._session, _ASKED)
            if processors:
                own = self._make_own()
                for processor in processors:
                    own.add_span_processor(processor)
        except BaseException:
            for processor in processors:
                processor.shutdown()
            raise
        self._asked += [found.plugin for found in new]

    def _make_own(self) -> OwnProvider:
        if self._named is not None:
            raise _two_ways()
        if self._own is None:
            try:
                from opentelemetry.sdk.trace import TracerProvider as OwnProvider

                from pegboard_tracing._id_generator import PrivateIds
                from pegboard_tracing._processors import Processors
                from pegboard_tracing.resource import service_resource
            except ModuleNotFoundError as error:
                raise ConfigError(
                    "an exporter wants the spans of this session, and the OpenTelemetry SDK that makes them is not "
                    "installed.\nInstall it: pip install 'pegboard[tracing-sdk]'",
                    where="Tracing",
                    key=_HOOK,
                ) from error
            # The session ends it; an exit handler would keep every session's provider until then.
            self._own = OwnProvider(
                resource=service_resource(),
                shutdown_on_exit=False,
                active_span_processor=Processors(),
                id_generator=PrivateIds(),
            )
        return self._own


def _exporters(session: Session) -> list[HookImpl]:
    return exporters_with(session, _HOOK)


def _two_ways() -> ConfigError:
    return ConfigError(
        "Tracing(tracer_provider=...) names a provider, and an exporter of this session brings span processors for a "
        "provider of its own, so one of the two would get no spans.\nAdd the exporter to your provider, or leave "
        "tracer_provider out.",
        where="Tracing",
        key="tracer_provider",
    )


def _no_logs(signal: str) -> ConfigError:
    return ConfigError(
        f"{VARIABLE}={signal} asks for exceptions as log records, and the installed OpenTelemetry has another logs API, "
        f"which upstream still keeps private.\nUpgrade it: pip install --upgrade opentelemetry-api; or unset the variable.",
        where="Tracing",
        key=VARIABLE,
    )


@functools.cache
def _version() -> str | None:
    try:
        return importlib.metadata.version("pegboard-tracing")
    except importlib.metadata.PackageNotFoundError:  # run from a folder, without an installation
        return None
