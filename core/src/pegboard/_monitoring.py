"""Events through pluggy, for as long as somebody monitors its hook calls, with the isolation that compiled ones have."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pluggy import HookImpl

    from pegboard._events import Dispatch, Observer, OnFailure

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


def plain_function(found: HookImpl) -> Any:
    """Return the function of an implementation, whether it is stood in for or not."""
    function: Any = found.function
    return function.observer.function if isinstance(function, _Isolated) else function


def monitored_event(
    caller: Any,
    parameters: Sequence[str],
    observers: Sequence[tuple[HookImpl, Observer]],
    on_failure: OnFailure,
) -> Dispatch:
    """Build an event that calls `pm.hook.<event>`, so that pluggy's monitoring sees it."""
    for found, observer in observers:
        object.__setattr__(found, "function", _Isolated(observer, on_failure))  # final, to a type checker

    def dispatch(*args: Any, **kwargs: Any) -> None:
        values = dict(zip(parameters, args, strict=False)) | kwargs
        subject = values[parameters[0]]
        before = getattr(_now, "subject", None), getattr(_now, "stop", None)
        _now.subject, _now.stop = subject, None
        subject.hooking = True
        try:
            caller(**values)
            stop = _now.stop
        finally:
            subject.hooking = False
            _now.subject, _now.stop = before
        if stop is not None:
            raise stop

    return dispatch
