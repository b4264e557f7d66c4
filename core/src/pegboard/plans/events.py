"""Observers of one event, compiled into one flat function that isolates each of them."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from types import CodeType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pluggy import HookImpl

    from pegboard.calls.call import Call


Dispatch = Callable[..., None]

# How far the events are that come once in the life of a call or group; `stage` of a new one is 0.
BEGUN, FAILED, ENDED = 1, 2, 3
# Of a call that goes on after its session: nobody is told of it any more.
LEFT = 4
# What an event that begins to be told leaves on its subject: a slot, and its value or the parameter that has it.
_MARKS: dict[str, tuple[str, int | str]] = {
    "before_execute": ("stage", BEGUN),
    "on_error": ("stage", FAILED),
    "after_execute": ("stage", ENDED),
    "before_group": ("stage", BEGUN),
    "after_group": ("stage", ENDED),
    "before_attempt": ("attempt_begun", "attempt"),
    "after_attempt": ("attempt_ended", "attempt"),
}
OnFailure = Callable[["Observer", Any, BaseException], "BaseException | None"]

# What an event means that is emitted without this argument: a retry follows an attempt.
_UNSAID = {"ran": True}


def is_of_parent(call: Call) -> bool:
    """Whether this process was forked in the middle of a call, whose end is the parent's to tell."""
    return call.outcome is None and call.stage >= ENDED


class Observer(NamedTuple):
    """One plugin's answer to one event.

    Attributes:
        plugin: Name of the plugin.
        event: Name of the hook spec.
        function: What to call.
        argnames: The arguments it asked for, in its own order.
    """

    plugin: str
    event: str
    function: Callable[..., object]
    argnames: tuple[str, ...]


@functools.lru_cache(maxsize=256)
def _compiled(source: str, event: str) -> CodeType:
    """Compile a dispatcher's source; most tasks of a session have the same ones."""
    return compile(source, f"<observers of {event}>", "exec")


def compile_event(
    event: str,
    parameters: Sequence[str],
    observers: Sequence[Observer],
    on_failure: OnFailure,
    *,
    closed: list[bool] | None = None,
) -> Dispatch:
    """Build `event(call, ...)`: calls every observer with the arguments it asked for, and isolates each.

    The source is generated, as there is no cheaper way to pass each observer its own subset of the arguments: 0.02 us
    an observer, a third of what a loop over adaptors costs. While it runs, the call is marked, so that calls made by an
    observer can be told apart. `on_failure` is told of whatever an observer raises, and returns what has to go on
    after the others ran (a KeyboardInterrupt or SystemExit), or None.

    A Ctrl-C may strike at any instruction, so an event that has begun to be told leaves a mark on its subject first, and
    reaches every observer.

    With `closed`, what goes on after its session tells nothing any more, nor does what begins once `closed` holds something.
    """
    subject = parameters[0]
    names: dict[str, Any] = {
        "__name__": __name__,
        "_failed": on_failure,
    }  # underscored: no parameter of a spec is
    asked = ", ".join(f"{name}={_UNSAID[name]}" if name in _UNSAID else name for name in parameters)
    lines = [f"def {event}({asked}):", f"    {subject}.hooking = True", "    _stop = None"]
    if event in _MARKS:
        slot, value = _MARKS[event]
        lines.insert(1, f"    {subject}.{slot} = {value}")
    if closed is not None:
        names["_closed"] = closed
        lines.insert(
            1, f"    if {subject}.stage == {LEFT} or (_closed and {subject}.stage < {BEGUN}): return"
        )
    for index, observer in enumerate(observers):
        names[f"_function{index}"] = observer.function
        names[f"_observer{index}"] = observer
        lines += [
            f"    try: _function{index}({', '.join(observer.argnames)})",
            "    except BaseException as _error:",
            f"        try: _stop = _failed(_observer{index}, {subject}, _error) or _stop",
            "        except BaseException as _struck: _stop = _struck",
        ]
    lines += [f"    {subject}.hooking = False", "    if _stop is not None: raise _stop"]
    exec(_compiled("\n".join(lines), event), names)  # noqa: S102 - our own text, and names from specs
    dispatch: Dispatch = names[event]
    return dispatch


_now = threading.local()  # the event that this thread is telling: its subject, and what has to go on after it


class _Isolated:
    """Stands in for an observer's function in pluggy's own call loop, which stops at the first error."""

    def __init__(self, observer: Observer, on_failure: OnFailure) -> None:
        self.observer = observer
        self._on_failure = on_failure

    def __call__(self, *args: Any) -> object:
        subject = getattr(_now, "subject", None)
        if subject is None:  # somebody calls pluggy's hook himself, and gets what pluggy gives
            return self.observer.function(*args)
        try:
            self.observer.function(*args)
        except BaseException as error:  # noqa: BLE001 - judged by on_failure
            _now.stop = self._on_failure(self.observer, subject, error) or _now.stop
        return None


class _Contained:
    """Stands in for an implementation of a plugin's own hook, where somebody calls that by pluggy: `session.ask` is by ours."""

    def __init__(self, observer: Observer, on_failure: OnFailure) -> None:
        self.observer = observer
        self._on_failure = on_failure

    def __call__(self, *args: Any) -> object:
        try:
            return self.observer.function(*args)
        except BaseException as error:
            if self._on_failure(self.observer, None, error) is not None:
                raise
            return None


def contain(found: HookImpl, hook: str, on_failure: OnFailure) -> None:
    """Keep what an implementation of a hook that is no event raises from the others, and from who calls the hook."""
    if not (found.wrapper or found.hookwrapper or isinstance(found.function, _Contained)):
        observer = Observer(found.plugin_name, hook, found.function, found.argnames)
        object.__setattr__(found, "function", _Contained(observer, on_failure))  # final, to a type checker


def plain_function(found: HookImpl) -> Any:
    """Return the function of an implementation, whether it is stood in for or not."""
    function: Any = found.function
    return function.observer.function if isinstance(function, _Isolated | _Contained) else function


def through_pluggy(
    caller: Any,
    parameters: tuple[str, ...],
    observers: Sequence[tuple[HookImpl, Observer]],
    on_failure: OnFailure,
) -> Observer:
    """Make one observer of many, which tells them by `pm.hook.<event>`, so that pluggy's monitoring sees it."""
    for found, observer in observers:
        object.__setattr__(found, "function", _Isolated(observer, on_failure))  # final, to a type checker

    def tell(*values: Any) -> None:
        before = getattr(_now, "subject", None), getattr(_now, "stop", None)
        _now.subject, _now.stop = values[0], None
        try:
            caller(**dict(zip(parameters, values, strict=True)))
            stop = _now.stop
        finally:
            _now.subject, _now.stop = before
        if stop is not None:
            raise stop

    return Observer("pluggy", caller.name, tell, parameters)


def is_half_told(call: Call, attempt: int, before: Dispatch | None) -> bool:
    """Whether observers know of the beginning of an attempt, and not of its end."""
    return call.attempt_ended != attempt and (before is None or call.attempt_begun == attempt)
