"""One invocation of a task, and the effects a layer may ask of it."""

from __future__ import annotations

import functools
import itertools
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from contextvars import copy_context
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pegboard.calls import effects
from pegboard.calls.arity import without
from pegboard.calls.side_threads import SIDE_THREADS
from pegboard.calls.time_limit import limit_in_force
from pegboard.current import running_call
from pegboard.discovery import did_you_mean
from pegboard.errors import TaskTimeout, UnknownEvent
from pegboard.parts.event_loop import running_loop
from pegboard.parts.forks import new_lock
from pegboard.places import RemotePlace

if TYPE_CHECKING:
    from pegboard.calls.time_limit import Limit
    from pegboard.plans.plan import Plan
    from pegboard.plans.streams import KeptStream
    from pegboard.records import Outcome, Source
    from pegboard.running.group import Group
    from pegboard.sessions.session import Session
    from pegboard.tasks.task import Task

_RANDOM = os.urandom(4).hex()
next_number = itertools.count(1).__next__
_state_guard = new_lock()
_HOOK_DEPTH_MOST = 1
_abandoned = SIDE_THREADS.abandoned_by_call
new_call = object.__new__


@functools.cache
def _prefix(pid: int) -> str:
    return f"{_RANDOM}-{pid:x}-"


def process_prefix() -> str:
    """What the ids of this process begin with: apart across machines and restarts by chance, across forks by the pid."""
    return _prefix(os.getpid())


class Call:
    """One invocation of a task.

    Layers, scopes and observers are handed this object; `current_call()` answers it inside the task.

    What every call needs is set at once. The slots that most calls never touch stay empty and answer their default
    from `__getattr__`: filling them would double what a call costs.

    Attributes:
        args, kwargs: The inputs as passed; `inputs` is the same by parameter name.
        parent: The call this one was made in, or None.
        attempt: Number of the running or last attempt, counted from 1; 0 before the first. A layer outside
            `Order.RETRY` may preset it, and a resumed call goes on counting.
        source: Where the value comes from; a layer that answers without running the function sets it.
        outcome: How the call ended; None until it has.
        group: The map or other group this call was made by, or None.
        map_index: Position in a map, from 0; None for a call that no map made, also inside a mapped one.
        executor: Name of the executor the function runs on; `inline` when it runs where it was called.
        trace_id, span_id: Lower-case hex ids of the span of this call, set by whoever traces; or None.
        sampled: Whether that span is sampled; None when nobody traces.
        carrier: In a worker, what plugins sent along in `on_depart`; empty elsewhere.
        directed: Whether the consumer of a stream with layers sent or threw something, so that its items are an answer to that.
        returned: What the generator of a task with layers returned; a layer that gives stored items may set it.
        time_limit: Until when it may take, for whoever runs its function; None without a limit.
        in_hook: Whether an observer made this call, directly or not. What its observers call in turn is not observed.
    """

    plan: Plan
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    left_with: Outcome | None
    parent: Call | None
    number: int
    attempt: int
    source: Source
    outcome: Outcome | None
    group: Group | None
    map_index: int | None
    executor: str
    trace_id: str | None
    span_id: str | None
    sampled: bool | None
    started: float
    streams: list[KeptStream]
    handed: tuple[str, Any] | None
    listens: bool
    directed: bool
    returned: Any
    hooking: bool
    stage: int
    attempt_begun: int
    attempt_ended: int
    hook_depth: int
    hook_failures: list[BaseException] | None
    _inputs: Mapping[str, Any] | None
    _state: dict[Any, Any] | None
    time_limit: Limit | None
    __slots__ = ("__weakref__", *__annotations__)

    in_hook = False
    carrier: Mapping[str, str] = MappingProxyType({})

    def __getattr__(self, name: str) -> Any:
        try:
            return _DEFAULTS[name]
        except KeyError:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}") from None

    def __repr__(self) -> str:
        return f"<Call {self.task.name} {self.id}>"

    @property
    def id(self) -> str:
        """This call's id: unique across processes, at most 40 of `[0-9a-f-]`."""
        return f"{_prefix(os.getpid())}{self.number:x}"

    @property
    def parent_id(self) -> str | None:
        """The id of the call this one was made in, or None."""
        return None if self.parent is None else self.parent.id

    @property
    def task(self) -> Task[..., Any]:
        """The task that was called."""
        return self.plan.task

    @property
    def session(self) -> Session:
        """The session whose plugins serve this call."""
        return self.plan.session

    @property
    def is_async(self) -> bool:
        """Whether the call belongs to a coroutine or an async generator."""
        return self.plan.is_async

    @property
    def is_remote(self) -> bool:
        """Whether the function runs in another process."""
        return self.plan.place is not None

    @property
    def name(self) -> str:
        """The task's name with its placeholders filled in; never used for metrics, spans, keys or journals."""
        name: str = self.plan.task.render_name(self)
        masks = self.plan.session.masks
        return masks.mask(name) if masks else name

    @property
    def started_at(self) -> float:
        """Wall-clock start, seconds since the Unix epoch, UTC."""
        return time.time() - (time.perf_counter() - self.started)

    @property
    def time_left(self) -> float | None:
        """Seconds until the earliest limit of this call, or of a call around it; None without one, 0 when it has passed."""
        limit = self.time_limit
        return None if limit is None or limit.lifted else max(limit.left(), 0.0)

    @property
    def provided(self) -> frozenset[str]:
        """Names of the parameters that layers fill in, so that a caller need not."""
        return self.plan.provided

    @property
    def inputs(self) -> Mapping[str, Any]:
        """The arguments by parameter name, defaults included, bound at first use; without those that layers fill in.

        Raises:
            TypeError: The arguments do not fit the signature.
        """
        if self._inputs is None:
            provided = self.plan.provided
            signature, kwargs = self.task.signature, self.kwargs
            if provided:
                signature = without(signature, provided)
                kwargs = {key: value for key, value in kwargs.items() if key not in provided}
            bound = signature.bind(*self.args, **kwargs)
            bound.apply_defaults()
            self._inputs = MappingProxyType(bound.arguments)
        return self._inputs

    @property
    def state(self) -> dict[Any, Any]:
        """A plugin's own storage for this call, by a key of its own (its class, by custom)."""
        if self._state is None:
            with _state_guard:
                if self._state is None:
                    self._state = {}
        return self._state

    # Effects: the same words in a layer of a sync task, where they block, and of an async one, where they suspend.

    def sleep(self, seconds: float) -> Awaitable[None]:
        """Wait, on the session's clock. Zero or less returns at once without calling the clock."""
        if seconds <= 0:
            return effects.nothing()
        return self.session.clock.asleep(seconds) if self.is_async else effects.sleep(self, seconds)

    def io(
        self, function: Callable[..., Any], *args: Any, afn: Callable[..., Awaitable[Any]] | None = None
    ) -> Awaitable[Any]:
        """Do I/O: a sync call runs `function(*args)`; an async one awaits `afn(*args)`, or a thread without `afn`."""
        if not self.is_async:
            return effects.inline(function, args)
        if afn is not None:
            return afn(*args)
        import asyncio

        running_loop()
        return asyncio.to_thread(function, *args)

    def offload(
        self, function: Callable[..., Any], *args: Any, executor: str | None = None
    ) -> Awaitable[Any]:
        """Run `function(*args)` on an executor, by default the session's, and wait for it.

        A sync call would only wait in its own thread, so it runs the function there.
        """
        place = self.session.place(executor)
        if not self.is_async:
            return effects.inline(function, args)
        import asyncio

        running_loop()
        if isinstance(place, RemotePlace):
            return asyncio.wrap_future(place.submit(function, *args))
        return asyncio.wrap_future(place.submit(copy_context().run, function, *args))

    def timeout(
        self, seconds: float, error: type[TaskTimeout] = TaskTimeout
    ) -> AbstractAsyncContextManager[None]:
        """Limit what is awaited inside: `async with call.timeout(2.0): return await proceed(call)`.

        An async call is cancelled at the limit. A sync one stops waiting: its function goes on in a thread of its
        own, and what it returns then is dropped. Limits nest, and the earliest counts.

        Raises:
            TaskTimeout: Or the subclass given as `error`, at the limit.
        """
        if not seconds > 0:  # which NaN is not either
            raise ValueError(f"a limit is a positive number of seconds, not {seconds!r}")
        hold = effects.HoldAsync if self.is_async else effects.HoldSync
        return hold(self, seconds, error)

    def checked(self, value: Any) -> Any:
        """Have a value checked that a layer answers with instead of the function's, by the layers that check those.

        Returns:
            The value, or what they made of it.
        """
        for layer in reversed(self.plan.layers):
            if layer.check_value is not None:
                value = layer.check_value(value)
        return value

    @property
    def abandoned(self) -> int:
        """How many bodies of this call still run although a time limit ended the wait for them."""
        found = _abandoned.get(self.number)
        return 0 if found is None else len(found.running)

    def when_bodies_end(self, function: Callable[[], object]) -> None:
        """Call `function()` when none of them runs any more: now, or in the thread of the last one. It must not raise."""
        SIDE_THREADS.when_ended(self.number, function)

    def bodies_end(self) -> Awaitable[None]:
        """Wait until none of them runs any more: `await call.bodies_end()`.

        Raises:
            TaskTimeout: A limit further out ends first.
        """
        return effects.bodies_end(self)

    def lock(self, key: object) -> AbstractAsyncContextManager[None]:
        """Hold a lock that every call of this session with an equal `key` shares: `async with call.lock(key):`."""
        return self.session.locks.hold(key, original_of(self))

    def with_args(self, *args: Any, **kwargs: Any) -> Call:
        """Return this call with other inputs, for `proceed`; the call that observers see stays as it is."""
        return _CallWithArgs(self, args, kwargs)

    def emit(self, event: str, *args: Any, **kwargs: Any) -> None:
        """Tell the observers of `event`, a hook spec whose first parameter is the call.

        Raises:
            UnknownEvent: No such spec; costs nothing when there is one and nobody implements it.
        """
        dispatch = self.plan.events.get(event)
        if dispatch is not None:
            hooking = self.hooking  # an observer may emit, and is still one afterwards
            try:
                dispatch(self, *args, **kwargs)
            finally:
                self.hooking = hooking
        elif event not in self.plan.session.events:
            raise UnknownEvent(
                f"task {self.task.name!r} emitted {event!r}, and no hook spec of this session describes it.{did_you_mean(event, self.plan.session.events)}\n"
                f"Known: {', '.join(sorted(self.plan.session.events))}.",
                event=event,
            )


_DEFAULTS: dict[str, Any] = {
    "_inputs": None,
    "_state": None,
    "attempt_begun": 0,
    "attempt_ended": 0,
    "directed": False,
    "group": None,
    "handed": None,
    "hook_depth": 0,
    "hook_failures": None,
    "left_with": None,
    "listens": False,
    "map_index": None,
    "outcome": None,
    "returned": None,
    "sampled": None,
    "span_id": None,
    "stage": 0,
    "started": 0.0,
    "trace_id": None,
}


def open_call(plan: Plan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
    """Make the call of a plan, which is what `Task.__call__` does too; `__init__` would take a fifth longer."""
    call = new_call(Call)
    call.plan = plan
    call.args = args
    call.kwargs = kwargs
    call.parent = parent = running_call.get()
    call.number = next_number()
    call.attempt = 0
    call.source = "run"
    call.hooking = False
    call.executor = "inline"
    call.time_limit = None
    if parent is not None and (parent.hooking or parent.in_hook or limit_in_force.get() is not None):
        inherit(call, parent)
    return call


def inherit(call: Call, parent: Call) -> None:
    """Take over what a call's surroundings hand down: that it was made in an observer, and the time that is left.

    What an observer calls is told to observers, too; but what those call is not, or it would never end.
    """
    if parent.hooking or parent.in_hook:
        call.__class__ = _CallInHook
        call.hook_depth = depth = parent.hook_depth + parent.hooking
        if depth > _HOOK_DEPTH_MOST:
            call.plan = call.plan.unobserved()
    if limit_in_force.get() is not None:
        call.plan = call.plan.limited()


class _CallInHook(Call):
    """A call within an observer; another class, so that all the others pay nothing for the difference."""

    __slots__ = ()
    in_hook = True


def keep_id(call: Call) -> None:
    """In a forked child: have a call that the parent made keep its id, which is looked up when somebody asks."""
    kind: Any = type(call)
    if kind in (Call, _CallInHook):
        call.__class__ = _made_in(os.getppid(), kind)


@functools.cache
def _made_in(pid: int, kind: type[Call]) -> type[Call]:
    made = property(lambda call: f"{_prefix(pid)}{call.number:x}")
    return type(kind.__name__, (kind,), {"__slots__": (), "id": made})


class _CallWithArgs(Call):
    """A call seen with other inputs: all but `args` and `kwargs` is read from, and written to, the original."""

    __slots__ = ("original",)
    original: Call

    def __init__(self, call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        fill = object.__setattr__
        fill(self, "original", original_of(call))
        fill(self, "args", args)
        fill(self, "kwargs", kwargs)
        fill(self, "_inputs", None)

    def __getattr__(self, name: str) -> Any:
        return getattr(object.__getattribute__(self, "original"), name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("args", "kwargs", "_inputs"):
            object.__setattr__(self, name, value)
        else:
            setattr(self.original, name, value)

    def emit(self, event: str, *args: Any, **kwargs: Any) -> None:
        self.original.emit(event, *args, **kwargs)


def original_of(call: Call) -> Call:
    """Return the call that observers know, whatever inputs a layer gave it."""
    return call.original if isinstance(call, _CallWithArgs) else call
