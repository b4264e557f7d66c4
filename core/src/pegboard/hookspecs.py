"""Every hook spec, in the order of a call's life.

Two kinds, never mixed:

- `bind`, `make_executor` and `make_instrument` are asked, and what they return counts. `bind` is how a plugin changes what a task
  does: it returns layers, scopes and observers for one task.
- All the others are *observers*: plain functions that watch. Their return value is ignored, and an error in one is
  logged once, counted in `session.observer_errors` and changes nothing: not the value, not the error, not the events
  of the other plugins. Only KeyboardInterrupt and SystemExit go on, after the others were told. Observers are called in pluggy's
  order: the plugin attached last is told first, `tryfirst` and `trylast` as in pluggy.

An implementation names only the arguments it wants.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from pegboard.calls.call import Call
    from pegboard.records import Outcome
    from pegboard.running.group import Group
    from pegboard.sessions.session import Session
    from pegboard.tasks.task import Task

PROJECT = "pegboard"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def session_start(session: Session) -> None:
    """Called when a session starts, and for a plugin attached later, when it is attached.

    In the order of attachment; `session` is not yet the current one. A plugin that an inner session inherits is not
    started again. An error undoes the start (what had started is ended in reverse) and is raised.
    """


@hookspec
def session_forked(session: Session) -> str | None:
    """Called in a forked child for the installed session, which goes on there: begin anew.

    In the child's only thread, before any of its own code, after locks and pools were renewed; `session.id` is another one. What
    was measured is the parent's, its threads did not come along, and its sockets are not the child's. Return what only the
    parent does, and the way out, or None: it is logged at the first call in the child, once. Logged and counted, an error keeps
    nobody else from being told. Plans are made anew afterwards.
    """


@hookspec
def bind(session: Session, task: Task[..., Any]) -> object:
    """Return what this plugin puts around `task`: called once per session and task, at its first call.

    Return a `Layer`, a `Scope`, an object whose attributes are observers (marked with `hookimpl`, told only of this
    task's calls), a list of any of these, or None: then the plugin costs this task nothing. `task.option(Retry)`
    already takes the session's defaults into account. An error is raised as `BindError` naming plugin and task, and
    the function does not run.
    """


@hookspec
def make_executor(session: Session, name: str, executor: Executor | None) -> object:
    """Return the executor called `name`, or None.

    Asked once per session and name, for names that are not the core's. The answer is a `pegboard.places.RemotePlace`, which
    says how functions get there, or any `concurrent.futures.Executor`; unless that one is of threads or says
    `runs_here = True`, the plugin `processes` takes the functions there. Whoever made it shuts it down, in `session_end`.
    `executor` is one that was handed in, to be made a place of: for plugins that take functions to executors of others.
    """


@hookspec
def make_instrument(
    session: Session,
    kind: str,
    name: str,
    help: str,  # noqa: A002 - the field's word
    labels: tuple[str, ...],
    buckets: tuple[float, ...] | None,
) -> object:
    """Return what `session.measure` gives, with the methods of `pegboard.parts.measuring`, or None: the first answer counts.

    Asked once per session and instrument, and again when plugins came or went. `kind` is `counter`, `gauge` or `histogram`;
    `labels` are names; `buckets` are those of a histogram that asks for some. A ValueError refuses the instrument, and is
    raised by `measure`; any other error is an observer's. Methods of the answer do not raise: they are called in layers.
    """


@hookspec
def before_group(group: Group) -> None:
    """Called when a map or another group of calls begins, before its first call."""


@hookspec
def before_execute(call: Call) -> None:
    """Called once a call, before any layer; for a stream at its first step, inside its context."""


@hookspec
def on_cache_hit(call: Call, key: str) -> None:
    """Called by whoever looks up stored results, when `key` was found: the function does not run."""


@hookspec
def on_cache_miss(call: Call, key: str) -> None:
    """Called by whoever looks up stored results, when `key` was not found or could not be used."""


@hookspec
def on_wait(call: Call, what: str, seconds: float) -> None:
    """Called by whoever held a call back before its function ran, after the wait; `what` names the limit or executor."""


@hookspec
def before_attempt(call: Call, attempt: int) -> None:
    """Called before each run of the function; `attempt` counts from 1, in results, notes, spans and statistics too."""


@hookspec
def after_attempt(call: Call, attempt: int, error: BaseException | None) -> None:
    """Called after each run of the function, with what it raised or None; exactly once per `before_attempt`."""


@hookspec
def on_retry(call: Call, attempt: int, error: Exception, delay: float, ran: bool) -> None:
    """Called by whoever retries: `attempt` failed with `error`, the next begins after `delay` seconds.

    `ran` is False for a try that failed before the function was entered, in a layer such as a rate limit. It used up a retry,
    and was no attempt: `before_attempt` was not told of it, and the next one has the same number. Who emits without it means
    an attempt.
    """


@hookspec
def on_iteration(call: Call, index: int, item: Any) -> None:
    """Called for each item of a stream, inside its context, before the consumer gets it; `index` is from 0."""


@hookspec
def on_error(call: Call, error: Exception) -> None:
    """Called once when an Exception leaves the call; not for cancellation, KeyboardInterrupt or a closed stream."""


@hookspec
def after_execute(call: Call, outcome: Outcome) -> None:
    """Called last, exactly once for every `before_execute`, whatever happened in between."""


@hookspec
def after_group(group: Group, outcome: Outcome) -> None:
    """Called when all calls of a group are over, exactly once for every `before_group`."""


@hookspec
def session_draining(session: Session) -> None:
    """Called once when a session begins to drain, by `session.drain()` or SIGTERM: begin no new work by yourself.

    `session.is_draining` is true from now on. What runs goes on, and so do the calls that it makes. Told in any thread, at
    SIGTERM in one of its own, even while the session ends: wake whoever waits for work, and return. Of a session that was opened
    inside one that drains already nothing is told. A plugin that inner sessions inherit is told of each of them.
    """


@hookspec
def session_end(session: Session) -> None:
    """Called when a session ends, in reverse order of attachment, those that are `trylast` at the end; every plugin's runs.

    Errors are raised together as an ExceptionGroup, or noted on the error that ended the session.
    """
