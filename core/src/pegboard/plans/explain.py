"""What a plan does, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from pegboard.plans.plan import Plan
    from pegboard.records import Kind


@attrs.frozen
class Explanation:
    """What one task does in one session; `print` it.

    Attributes:
        task: Static name of the task.
        kind: Its kind.
        options: Reprs of the options in force, the session's defaults included.
        layers: (order, name) from the outermost in.
        scopes: Names, in the order in which they are entered.
        observers: Names of plugins by event, in the order in which they are told.
        provided: Names of parameters that layers fill in, so that a caller leaves them off.
    """

    task: str
    kind: Kind
    options: tuple[str, ...]
    layers: tuple[tuple[int, str], ...]
    scopes: tuple[str, ...]
    observers: Mapping[str, tuple[str, ...]]
    provided: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [f"{self.task} ({self.kind.replace('_', ' ')})"]
        lines += [f"  option  {option}" for option in self.options]
        lines += [f"  scope   {name}" for name in self.scopes]
        lines += [f"  layer   {order:>4} {name}" for order, name in self.layers]
        lines += [f"  fills   {name}" for name in self.provided]
        lines += [f"  event   {event}: {', '.join(names)}" for event, names in self.observers.items()]
        return "\n".join(lines if len(lines) > 1 else [*lines, "  nothing is attached"])


def explain(plan: Plan) -> Explanation:
    """Describe a plan."""
    return Explanation(
        task=plan.task.name,
        kind=plan.task.kind,
        options=tuple(repr(option) for option in plan.options),
        layers=tuple((int(layer.order), layer.name) for layer in plan.layers),
        scopes=tuple(scope.name for scope in plan.scopes),
        observers=plan.observers,
        provided=tuple(sorted(plan.provided)),
    )
