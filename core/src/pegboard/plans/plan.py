"""What one task does in one session: resolved once, then only run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import perf_counter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn

from pegboard.calls.time_limit import HAND_DOWN
from pegboard.errors import SessionError
from pegboard.parts.awaiting import awaiting
from pegboard.parts.notes import note_on
from pegboard.plans import async_generator, coroutine, function, generator
from pegboard.plans.events import BEGUN, ENDED, FAILED, LEFT, is_half_told, is_of_parent
from pegboard.plans.folding import arity_of
from pegboard.privacy import mark_sensitive, shows_secret
from pegboard.records import Outcome, make_outcome, status_of

if TYPE_CHECKING:
    from pegboard.calls.call import Call
    from pegboard.layers import Layer, Scope
    from pegboard.options import Option
    from pegboard.places import Place, RemotePlace
    from pegboard.plans.events import Dispatch
    from pegboard.records import Kind
    from pegboard.sessions.session import Session
    from pegboard.tasks.task import Task

    Run = Callable[[Call], Any]
    Divert = Callable[[str, Any, tuple[Any, ...], Mapping[str, Any]], Any]


RUNNERS: dict[Kind, Callable[[Plan], Run]] = {
    "function": function.build,
    "coroutine": coroutine.build,
    "generator": generator.build,
    "async_generator": async_generator.build,
}


def _named_after(executor: str, run: Run) -> Run:
    """Have a call know where its function is going to run."""

    def run_there(call: Call) -> Any:
        call.executor = executor
        return run(call)

    return run_there


def session_has_ended() -> BaseException:
    """Make what ends a call or group for observers that goes on after its session."""
    from asyncio import CancelledError

    return CancelledError("its session has ended")


class Plan:
    """The layers, scopes and observers of one task in one session, folded into one callable.

    Attributes:
        run: Takes a `Call` and does what calling the task does: returns a value, a coroutine or a generator.
        events: A dispatcher for each event that somebody observes.
        options: The task's options, the session's defaults included.
        layers: Outermost first.
        scopes: In the order in which they are entered.
        observers: Names of the plugins told of each event, in that order.
        provided: Names of parameters that layers fill in.
        place: The executor that the function runs on, instead of where the call is; or None.
        own_place: The executor that the task itself asks for, with `On`; or None.
        told: Told of a call where it is made.
        awaits: Whether what the function returns is awaited, where that is a coroutine or a future.
        function: What the innermost layer proceeds to: the task's function, or one that has it run on `place`.
        in_flight: The calls of coroutines that run in the session; None where nobody has to know them.
    """

    def __init__(
        self,
        session: Session,
        task: Task[..., Any],
        version: int,
        *,
        options: tuple[Option, ...],
        layers: tuple[Layer, ...] = (),
        scopes: tuple[Scope, ...] = (),
        events: Mapping[str, Dispatch] = MappingProxyType({}),
        observers: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
        place: RemotePlace | None = None,
        awaits: bool = False,
    ) -> None:
        self.session = session
        self.task = task
        self.version = version
        self.options = options
        self.layers = layers
        self.scopes = scopes
        self.events = events
        self.observers = observers
        self.told = tuple(layer.made for layer in layers if layer.made is not None)
        self.provided = frozenset(name for layer in layers for name in layer.provides)
        self.place = place
        self.own_place: Place | None = None
        self.awaits = awaits
        body = task.__wrapped__ if place is None else place.function_for(task)
        self.function = awaiting(body) if awaits else body
        self.is_async = task.kind in ("coroutine", "async_generator")
        self.strict = session.strict
        self.in_flight = None if session.in_flight is None else session.in_flight.coroutines
        self.watched = bool(scopes) or any(
            name in events
            for name in ("before_execute", "before_attempt", "after_attempt", "on_error", "after_execute")
        )
        self._before = events.get("before_execute")
        self._before_attempt, self._after_attempt = events.get("before_attempt"), events.get("after_attempt")
        self._error = events.get("on_error")
        self._after = events.get("after_execute")
        self._others: dict[object, Plan] = {}
        run = RUNNERS[task.kind](self)
        self.run = run if place is None else _named_after(place.name, run)

    def unobserved(self) -> Plan:
        """The same layers and nobody told: for calls that the observers of an observer's call make."""
        return self._with("unobserved", scopes=(), events={}, observers={})

    def awaiting(self) -> Plan:
        """The same, with what the function returns awaited within the call: for calls of functions that are awaited."""
        if self.awaits or self.place is not None or self.task.kind != "function":
            return self
        return self._with("awaiting", awaits=True)

    def limited(self) -> Plan:
        """The same, within the time that is left to a call around it."""
        return self.with_layer(HAND_DOWN)

    def with_layer(self, layer: Layer) -> Plan:
        """The same, with one layer of the core's more."""
        found = self._others.get(layer)
        return found or self._with(
            layer, layers=tuple(sorted((*self.layers, layer), key=lambda each: each.order))
        )

    def placed(self, place: RemotePlace) -> Plan:
        """The same, with the function on an executor in other processes; layers and observers stay."""
        if self.place is place:
            return self
        if self.version != self.session.version:  # what takes functions there came just now, with its hooks
            fresh = self.task._plan_in(self.session)
            return (fresh.limited() if HAND_DOWN in self.layers else fresh).placed(place)
        return self._with(place, place=place)

    def _with(self, key: object, **changes: Any) -> Plan:
        """The same plan, with other values for some of the arguments that it was made of; made once for each key."""
        plan = self._others.get(key)
        if plan is None:
            made_of = {
                "options": self.options,
                "layers": self.layers,
                "scopes": self.scopes,
                "events": self.events,
                "observers": self.observers,
                "place": self.place,
                "awaits": self.awaits,
            }
            plan = self._others[key] = Plan(self.session, self.task, self.version, **{**made_of, **changes})
            plan.own_place = self.own_place
        return plan

    # The beginning and end of a call, the same for all four kinds. A runner sets `call.started`, enters the scopes, tells
    # `before_execute`, and then calls exactly one of `succeed` and `fail`, and last `leave`. A Ctrl-C may cut a runner off at
    # any call that it makes, so all of that stands in its `try`, and its `finally` ends what has not been ended.

    def enter(self, call: Call, entered: list[tuple[Scope, Any]]) -> None:
        """Enter the scopes, noting each in `entered` for `leave`; one that fails is left out."""
        call.hooking = True  # what a scope calls is made in a hook, as with observers
        for scope in self.scopes:
            try:
                entered.append((scope, scope.enter(call)))
            except BaseException as error:
                if self._scope_failed(scope, "enter", call, error) is not None:
                    raise
        call.hooking = False

    def succeed(self, call: Call, value: Any) -> None:
        """Set the outcome and tell `after_execute`; written out in the runners of functions and coroutines."""
        call.outcome = outcome = make_outcome(
            Outcome, ("ok", call.source, value, None, call.attempt, perf_counter() - call.started)
        )
        if self._after is not None:
            self._after(call, outcome)

    def fail(self, call: Call, error: BaseException) -> None:
        """Note the error, set the outcome, tell `on_error` and `after_execute`; the caller raises on.

        What was told already is not told again, and of a call whose beginning nobody was told, nobody is told the end.
        """
        stage = call.stage
        if stage >= ENDED or (self._before is not None and stage < BEGUN):
            return
        self.end_attempt(call, error)
        outcome = call.outcome
        if outcome is None:
            self._uncount(call, error)
            now = perf_counter()
            duration = now - (call.started or now)  # not set where an interrupt came first
            status = status_of(error)
            shown = None if status == "closed" else error
            outcome = call.outcome = Outcome(status, call.source, None, shown, call.attempt, duration)
        try:
            if isinstance(error, Exception):
                self.note(call, error)
                if self._error is not None and stage < FAILED:
                    self._error(call, error)
        finally:  # also when an observer of the error was interrupted
            if self._after is not None:
                self._after(call, outcome)

    def abandon(self, call: Call) -> None:
        """End a call for observers, as cancelled, while its body runs on; what becomes of it is told to nobody."""
        try:
            self.fail(call, session_has_ended())
        finally:
            call.left_with = call.outcome
            call.stage = LEFT

    def let_go(self, call: Call, error: BaseException) -> None:
        """Give back the locks that an interrupt left a call with; an Exception leaves through those who hold them."""
        if self.layers and not isinstance(error, Exception):
            self.session.locks.give_back(call)

    def end_attempt(self, call: Call, error: BaseException | None) -> None:
        """Tell the end of the attempt that has begun, if that was not told."""
        after = self._after_attempt
        if after is not None and call.attempt and is_half_told(call, call.attempt, self._before_attempt):
            after(call, call.attempt, error)

    def end(self, call: Call, error: BaseException | None, entered: list[tuple[Scope, Any]] | None) -> None:
        """Do at last what an interrupt kept a runner from, and leave the scopes."""
        try:
            if error is not None and self._after is not None and call.stage < ENDED:
                self.fail(call, error)
        finally:
            self.leave(call, entered)

    def note(self, call: Call, error: Exception) -> None:
        """Leave a line with task, call and attempts on an Exception, unless it is full of them already."""
        self._uncount(call, error)
        if self.task.sensitive or shows_secret(error, call):
            mark_sensitive(error)
        attempts = f"{call.attempt} attempt{'' if call.attempt == 1 else 's'}"
        note_on(error, f"in task {call.name!r}, call {call.id}, after {attempts}")

    def _uncount(self, call: Call, error: BaseException) -> None:
        """Take an attempt back that never began: where nothing is hung on a task, its arguments are not checked before."""
        if type(error) is TypeError and call.attempt == 1:
            try:
                arity_of(self).check(call)
            except TypeError:
                call.attempt = 0

    def leave(self, call: Call, entered: list[tuple[Scope, Any]] | None) -> None:
        """Leave the scopes, and in a strict session raise what observers did wrong."""
        if call.stage == LEFT:  # scopes see how it ended for observers, whatever its body did since
            call.outcome = call.left_with
        if entered is not None and (call.outcome is not None or not is_of_parent(call)):
            stop: BaseException | None = None
            call.hooking = True
            for scope, token in reversed(entered):
                try:
                    scope.exit(call, token)
                except BaseException as error:  # noqa: BLE001 - a scope cannot break a call
                    stop = self._scope_failed(scope, "exit", call, error) or stop
            call.hooking = False
            if stop is not None:
                raise stop
        if self.strict:
            self.session.faults.raise_of(call, None if call.outcome is None else call.outcome.error)

    def _scope_failed(
        self, scope: Scope, moment: str, call: Call, error: BaseException
    ) -> BaseException | None:
        return self.session.faults.of_hook(scope.plugin, f"scope.{moment}", call, error)


class DivertedPlan:
    """Stands where a task has its plan, so that an ordinary call need not ask whether it is diverted."""

    def __init__(self, session: Session, task: Task[..., Any]) -> None:
        self.session = session
        self.task = task
        self.version = session.version
        self.is_async = task.kind in ("coroutine", "async_generator")
        self.told = ()

    def run(self, call: Call) -> Any:
        """Hand the call over."""
        divert = self.session.diverted
        if divert is None:
            raise self._refusal()
        return divert("call", self.task, call.args, call.kwargs)

    def limited(self) -> DivertedPlan:
        """Do without limits: nothing is made that could take long."""
        return self

    def unobserved(self) -> DivertedPlan:
        """Nobody is told anyway."""
        return self

    def __getattr__(self, name: str) -> NoReturn:
        raise self._refusal()

    def _refusal(self) -> SessionError:
        return SessionError(
            f"task {self.task.name!r} cannot run here: {self.session!r} hands calls over instead of making them.\n"
            f"Call it in another session, or where none is open."
        )
