"""How a plan runs: one module for each kind of task."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pegboard.plans import async_generator, coroutine, function, generator

if TYPE_CHECKING:
    from pegboard.calls.call import Call
    from pegboard.plans.plan import Plan
    from pegboard.records import Kind

RUNNERS: dict[Kind, Callable[[Plan], Callable[[Call], Any]]] = {
    "function": function.build,
    "coroutine": coroutine.build,
    "generator": generator.build,
    "async_generator": async_generator.build,
}
