"""Calls that have a span only if something ran: `Traced(hits=False)`."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextvars import Token
from types import SimpleNamespace
from typing import TYPE_CHECKING

from opentelemetry.context import Context, attach, get_current
from opentelemetry.trace import Span, get_current_span

from pegboard import Scope, hookimpl
from pegboard_tracing import _names
from pegboard_tracing._attempts import Attempts, attempt_observers
from pegboard_tracing._context import restore
from pegboard_tracing._groups import Suppressed

if TYPE_CHECKING:
    from pegboard import Call
    from pegboard_tracing._groups import MapSpan, MapSpans

    Entered = tuple[Span, Token[Context], MapSpan | None]
    Start = Callable[[Call, int | None], Entered | Suppressed | None]
    Leave = Callable[[Call, Entered | Suppressed | None], None]


class Deferred:
    """A call without a span yet: it starts with the first attempt, and as if it had done so with the call.

    It is current while the function runs, and in the layers around it the caller's still is.
    """

    __slots__ = ("_context", "_start", "_started", "_token", "entered", "has_begun", "missed")

    def __init__(self, start: Start) -> None:
        self._start = start
        self._started = time.time_ns()
        self._context: Context | None = None
        self._token: Token[Context] | None = None
        self.entered: Entered | Suppressed | None = None
        self.has_begun = False
        self.missed = False

    def begin(self, call: Call) -> None:
        """Start the span, if it was not, and make it current."""
        if not self.has_begun:
            self.has_begun = True
            self.entered = self._start(call, self._started)
            if self.entered is None:
                return
            self._token = self.entered.token if isinstance(self.entered, Suppressed) else self.entered[1]
            self._context = get_current()
            kept = call.state.get(Attempts)
            if kept is not None and self.missed:
                kept.span.set_attribute(_names.CACHE_RESULT, "miss")
        elif self._context is not None:
            self._token = attach(self._context)

    def pause(self) -> None:
        """Make the caller's span current again."""
        token, self._token = self._token, None
        if token is not None:
            restore(token)


def deferred_scope(start: Start, leave: Leave, maps: MapSpans) -> Scope:
    """Make the scope of a task whose hits have no span."""
    hits, running = maps.hits, maps.running

    def enter(call: Call) -> Deferred:
        call.state[Deferred] = made = Deferred(start)
        return made

    def exit_(call: Call, made: Deferred) -> None:
        outcome = call.outcome
        if not made.has_begun and outcome is not None and outcome.source == "cache" and outcome.error is None:
            around = running.get(call.group)
            if around is not None:
                around.count(call)
            hits.add(get_current_span() if around is None else around.span)
            return
        if not made.has_begun:
            made.begin(call)
        made.pause()
        leave(call, made.entered)

    return Scope("tracing", enter, exit_)


def deferred_observers() -> SimpleNamespace:
    """Make the observers, bound to one task, that keep `Deferred`, and `Attempts` within it, up to date."""
    attempts = attempt_observers()

    def before_attempt(call: Call, attempt: int) -> None:
        made = call.state.get(Deferred)
        if made is not None:
            made.begin(call)
        attempts.before_attempt(call, attempt)

    def after_attempt(call: Call, error: BaseException | None) -> None:
        attempts.after_attempt(call, error)
        made = call.state.get(Deferred)
        if made is not None:
            made.pause()

    def on_cache_miss(call: Call) -> None:
        made = call.state.get(Deferred)
        if made is not None:
            made.missed = True

    observers = (before_attempt, after_attempt, on_cache_miss)
    named = {observer.__name__: hookimpl(observer) for observer in observers}
    return SimpleNamespace(**named, on_retry=attempts.on_retry)
