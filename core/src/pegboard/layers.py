"""What a plugin hangs on a task: layers and scopes."""

from __future__ import annotations

import enum
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

import attrs

from pegboard.parts import checks

if TYPE_CHECKING:
    from pegboard.calls.call import Call

Proceed = Callable[["Call"], Awaitable[Any]]
ProceedStream = Callable[["Call"], AsyncIterator[Any]]


class Order(enum.IntEnum):
    """Where a layer sits: the lower, the further out. Any integer between two of these is fine too."""

    JOURNAL = 100
    FALLBACK = 200
    CACHE = 300
    DATASET = 350
    LIMIT = 400
    DEADLINE = 500
    RETRY = 600
    BREAKER = 700
    RATE = 750
    TIMEOUT = 800
    PLACE = 850
    INJECT = 900
    VALIDATE = 950


def _refuse_other(is_kind: Callable[[object], bool], written: str) -> Callable[..., None]:
    def validate(layer: Layer, side: attrs.Attribute[Any], function: object) -> None:
        if function is not None and not is_kind(function) and not is_kind(type(function).__call__):
            raise TypeError(
                f"layer {layer.name!r}: `{side.name}` is written {written}, unlike {checks.shown(function)}."
            )

    return validate


@attrs.frozen(eq=False)
class Layer:
    """A plugin's code around a call; it may change inputs, result, error, time and place.

    Attributes:
        name: How `session.explain` and errors call it, by custom the plugin's name.
        order: Position among the layers of a task; the lower, the further out. Equal orders keep the order in
            which the plugins were attached.
        run: `async def run(call, proceed)`, returning a value. Serves functions and coroutines alike: it awaits
            `proceed(call)` once, several times or not at all, and otherwise only the effects of `call`.
        stream: `async def stream(call, proceed)` as an async generator, for both kinds of generator task. None
            means the layer cannot wrap a stream, and such a task is refused.
        provides: Names of parameters that this layer fills in, so that a caller need not.
        verify: Called once when all layers of a task are known, with the names of the parameters that they fill in. What it raises
            refuses the task, as an error of `bind` does.
        made: Called with a call where it is made, before anything of it runs: that is not where a coroutine is awaited, nor
            the thread that a function is handed to. It may be told twice, and for a function that is called directly, or an item of
            a map, not at all; what it raises leaves the call.
        undo: Takes back what a call did that ended well, if what came after it fails; takes the call, and the error that it is
            undone for. For a coroutine it may return something to await. Asked by whoever keeps calls that are done.
        check_value: What a value has to pass that a layer further out answers with instead of the function's: takes the value,
            and returns it, changed or not, or raises. Asked by `call.checked(value)`.
        plugin: Name of the plugin that bound it; set when a task is bound.
    """

    name: str = attrs.field(validator=checks.text())
    order: int = attrs.field(validator=checks.whole())
    run: Callable[[Call, Proceed], Awaitable[Any]] | None = attrs.field(
        default=None,
        validator=_refuse_other(inspect.iscoroutinefunction, "`async def run(call, proceed)`, without yield"),
    )
    stream: Callable[[Call, ProceedStream], AsyncIterator[Any]] | None = attrs.field(
        default=None,
        validator=_refuse_other(inspect.isasyncgenfunction, "`async def stream(call, proceed)`, with yield"),
    )
    provides: tuple[str, ...] = ()
    verify: Callable[[frozenset[str]], None] | None = None
    made: Callable[[Call], None] | None = None
    undo: Callable[[Call, BaseException], Any] | None = None
    check_value: Callable[[Any], Any] | None = None
    plugin: str = attrs.field(default="", init=False, eq=False, repr=False)

    def __str__(self) -> str:
        return f"layer {self.name!r} of plugin {self.plugin!r}"


@attrs.frozen(eq=False)
class Scope:
    """A plugin's enter and exit around a call, in the context that the user's code runs in.

    Scopes are entered in the order in which plugins were attached, before `before_execute`, and left in reverse, after
    `after_execute`; `call.outcome` is set by then. A stream runs in a `contextvars.Context` of its own, and so do
    its scopes. Like an observer, a scope cannot break a call: an error in it is logged and counted, and a scope
    that failed to enter is not left.

    Attributes:
        name: How `session.explain` and errors call it.
        enter: Called with the call; what it returns is handed to `exit`.
        exit: Called with the call and what `enter` returned.
        plugin: Name of the plugin that bound it; set when a task is bound.
    """

    name: str = attrs.field(validator=checks.text())
    enter: Callable[[Call], Any] = attrs.field(validator=checks.callable_("a function of the call"))
    exit: Callable[[Call, Any], None] = attrs.field(
        validator=checks.callable_("a function of the call and of what `enter` returned")
    )
    plugin: str = attrs.field(default="", init=False, eq=False, repr=False)
