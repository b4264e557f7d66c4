"""The tracing plugin.

OpenTelemetry is imported by the functions that need it: a program that has Pegboard installed and does not trace pays
nothing for it.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pegboard import ConfigError, current_call, current_session, hookimpl
from pegboard.parts import checks, new_rlock
from pegboard_tracing import hookspecs
from pegboard_tracing._option import Traced

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer, TracerProvider

    from pegboard import Call, Group, Option, Outcome, Scope, Session, Task
    from pegboard_tracing._groups import MapSpans
    from pegboard_tracing._provider import SpanRoute
    from pegboard_tracing._signal import Attributes, Record

_DEFAULT = Traced()
_SPAN_BUDGET = checks.whole(
    least=0, type_error=ValueError, hint="It counts the items of one map that have a span."
)
SPAN_BUDGET = 1_000


class Tracing:
    """Makes one OpenTelemetry span of every call, nested as the calls are.

    With exporters attached that bring span processors, spans go to a provider of the session's own, made with the
    SDK and shut down with the session. Without, they go to the application's global provider, which may be set at any time.

    Args:
        tracer_provider: The provider to use instead; refused together with exporters that bring processors.
        install: Make the session's provider the application's global one, so that spans made with
            `opentelemetry.trace.get_tracer` go the same way. Refused where one is set.
        span_budget: How many items of one map have a span. Of those beyond, what they call has none either; failures and
            the 20 slowest get theirs afterwards, and the map's span tells how many were left out.
    """

    name = "tracing"
    hookspecs = hookspecs

    def __init__(
        self,
        tracer_provider: TracerProvider | None = None,
        install: bool = False,
        span_budget: int = SPAN_BUDGET,
    ) -> None:
        if tracer_provider is not None and not callable(getattr(tracer_provider, "get_tracer", None)):
            raise TypeError(
                f"Tracing takes an OpenTelemetry TracerProvider, not {checks.shown(tracer_provider)}. To name what is traced, set "
                f"OTEL_SERVICE_NAME."
            )
        _SPAN_BUDGET.check("span_budget", span_budget, owner="Tracing")
        self._named = tracer_provider
        self._budget = span_budget
        self._install = checks.flag().check("install", install, owner="Tracing")
        self._guard = new_rlock()  # the collector may end a stream, whose body calls tasks, while it is held
        self._routes: weakref.WeakKeyDictionary[Session, SpanRoute] = weakref.WeakKeyDictionary()
        self._maps: MapSpans | None = None

    @hookimpl
    def session_start(self, session: Session) -> None:
        """Open the way that this session's spans take."""
        from pegboard_tracing._provider import SpanRoute

        route = SpanRoute(session, self._named)
        if self._install:
            route.install()
        if self._named is not None:
            route.provider()  # refuses exporters that bring processors
        with self._guard:
            self._routes[session] = route

    @hookimpl
    def bind(self, session: Session, task: Task[..., Any]) -> list[object]:
        """Put a span around every call, and watch the attempts of tasks that ask for anything at all."""
        from pegboard_tracing._attempts import attempt_observers
        from pegboard_tracing._deferred import deferred_observers
        from pegboard_tracing._scope import CallScope, SpanShape

        traced = task.option(Traced) or _DEFAULT
        _check_arguments(session, task, traced)
        if session.is_open:
            self.provider_of(session)  # what is wrong with exporters is said now, and stops the task
        shape = SpanShape.of(session, task, traced, self._recorder(session))
        scope = CallScope(shape, lambda: self.tracer_of(session), self._map_spans()).scope()
        if not shape.attempts:
            return [scope]
        return [scope, deferred_observers() if shape.deferred else attempt_observers()]

    @hookimpl(optionalhook=True)
    def on_depart(self, carrier: dict[str, str]) -> None:
        """Send the trace along with a function that runs in another process."""
        from pegboard_tracing._workers import write_context

        write_context(carrier)

    @hookimpl(optionalhook=True)
    def on_resume(self, call: Call) -> None:
        """Link the span of a call that goes on with a durable run to the one that began it."""
        from pegboard_tracing._attempts import Attempts
        from pegboard_tracing._links import link_to_begin

        kept = call.state.get(Attempts)
        if kept is not None:
            link_to_begin(kept.span, call)

    @hookimpl(optionalhook=True)
    def bind_worker(self) -> Scope:
        """Go on with that trace there."""
        from pegboard_tracing._workers import worker_scope

        return worker_scope()

    def worker_settings(self) -> dict[str, Any] | None:
        """Have workers trace, too, unless spans go to a provider that only this process has."""
        return None if self._named is not None else {"span_budget": self._budget}

    @hookimpl
    def before_group(self, group: Group) -> None:
        """Start the span of a map, or of another group of calls."""
        self._map_spans().begin(group, self.tracer_of(group.session))

    @hookimpl
    def after_group(self, group: Group, outcome: Outcome) -> None:
        """End that span."""
        from pegboard_tracing._exceptions import ErrorRules

        session, task = group.session, group.task
        own = None if task is None else task.option(Traced)
        traced = own or _of_class(session.defaults) or _DEFAULT
        rules = ErrorRules.of(session, task, traced, self._recorder(session))
        self._map_spans().end(group, outcome, rules)

    @hookimpl
    def session_forked(self, session: Session) -> None:
        """Go on as another service instance; the groups that run are the parent's."""
        route = self._routes.get(session)
        if route is not None:
            route.begin_anew()
        if self._maps is not None:
            self._maps.running.clear()

    @hookimpl
    def session_end(self, session: Session) -> None:
        """Shut down the provider that the session made."""
        with self._guard:
            route = self._routes.pop(session, None)
        if route is not None:
            route.close()

    def tracer_of(self, session: Session) -> Tracer:
        """Return the tracer that makes Pegboard's spans in a session."""
        return self._route(session).tracer()

    def provider_of(self, session: Session) -> TracerProvider:
        """Return the provider that the spans of a session go to."""
        return self._route(session).provider()

    def _recorder(self, session: Session) -> Record:
        """Return what records exceptions; a session that is not open yet finds its way at the first."""
        if session.is_open:
            return self._route(session).exception_recorder()

        def record(span: Span, attributes: Attributes) -> None:
            self._route(session).exception_recorder()(span, attributes)

        return record

    def _route(self, session: Session) -> SpanRoute:
        """Find the way of a session, or of the one it inherits this plugin from."""
        owner: Session | None = session
        while owner is not None:
            with self._guard:
                route = self._routes.get(owner)
            if route is not None:
                if owner is not session:
                    route.check_inner(session)
                return route
            owner = owner.outer
        raise ConfigError(
            f"tracing is not started in {session!r}. Open the session first: with session: ...",
            where="Tracing",
            key="",
        )

    def _map_spans(self) -> MapSpans:
        with self._guard:
            if self._maps is None:
                from pegboard_tracing._groups import MapSpans

                self._maps = MapSpans(self._budget)
            return self._maps


def tracer(name: str) -> Tracer:
    """Return a tracer whose spans go where those of the current session's tasks go.

    Inside a task the session that serves it counts; where nothing is traced, the application's global provider does.

    Args:
        name: Who makes the spans: by custom the package, as in `tracer(__name__)`.
    """
    call = current_call()
    session = current_session() if call is None else call.session
    plugin = None if session is None else session.get(Tracing)
    if session is not None and plugin is not None:
        from pegboard_tracing._nowhere import say_if_nowhere

        provider = plugin.provider_of(session)
        say_if_nowhere(provider)
        return provider.get_tracer(name)
    from opentelemetry import trace

    return trace.get_tracer(name)


def _of_class(options: Iterable[Option]) -> Traced | None:
    return next((option for option in options if isinstance(option, Traced)), None)


def _check_arguments(session: Session, task: Task[..., Any], traced: Traced) -> None:
    """Refuse names that are no parameters, unless they come from the session and are meant for tasks that have them."""
    if not traced.arguments or any(option is traced for option in session.defaults):
        return
    known = list(task.signature.parameters)
    unknown = [name for name in traced.arguments if name not in known]
    if unknown:
        raise ConfigError(
            f"Traced(arguments=...) names {', '.join(unknown)}, and task {task.name!r} has no such parameter. "
            f"It has: {', '.join(known) or 'none'}.",
            where="Traced",
            key="arguments",
        )
