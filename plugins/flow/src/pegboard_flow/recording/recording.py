"""Recording the calls in the body of a flow, instead of making them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from pegboard import Priority
from pegboard_flow._errors import GraphError
from pegboard_flow.recording.placeholder import NodePlaceholder
from pegboard_flow.recording.templates import Fill, Templates
from pegboard_flow.running.shape import Edge, Inputs, Node, Shape, shape_of

if TYPE_CHECKING:
    from pegboard import Task
    from pegboard_flow.running.walk import Walk


class Recording:
    """The nodes of one run of a flow's body, in the order in which their tasks were called."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.edges: list[Edge] = []
        self._returned: Fill | None = None
        self.ends: list[str] = []
        self._positions: list[int] = []
        self._templates = Templates(self, self._positions)
        self._counts: dict[str, int] = {}

    def add(self, task: Task[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> NodePlaceholder:
        """Record a call, and return what stands for its value.

        Raises:
            TypeError: The arguments do not fit the signature.
        """
        _check_arguments(task, args, kwargs)
        found: dict[int, None] = {}
        kwargs = {**kwargs}
        inputs = _inputs(args, kwargs, self._templates.read(args, found), self._templates.read(kwargs, found))
        name = self._name(task.name)
        number = len(self.nodes)
        self.nodes.append(Node(name, task, Priority.of(task), inputs=inputs))
        self._positions.append(number)
        self.edges += [Edge(self.nodes[source].name, name) for source in found]
        return NodePlaceholder(self, name, number)

    def finish(self, value: Any) -> None:
        """Take what the body returned."""
        found: dict[int, None] = {}
        fill = self._templates.read(value, found)
        self._returned = fill if fill is not None else lambda _: value
        self.ends = [self.nodes[number].name for number in found]

    def change(self, number: int, name: str | None, priority: int | None) -> None:
        """Give a node another name or priority, before anything is made of its placeholder.

        Raises:
            GraphError: Other tasks were called since, or the name is taken.
        """
        if number != len(self.nodes) - 1:
            raise GraphError(
                f"node {self.nodes[number].name!r} is set up after other tasks were called.\n"
                f"Set it up where it is made: node(task(...), name=..., priority=...).",
                graph="",
                node=self.nodes[number].name,
            )
        old = self.nodes[number]
        if name is not None and any(other.name == name for other in self.nodes[:-1]):
            raise GraphError(f"the flow has a node {name!r} already.", graph="", node=name)
        new = self.nodes[number] = attrs.evolve(
            old,
            name=old.name if name is None else name,
            priority=old.priority if priority is None else priority,
        )
        self._counts.setdefault(new.name, 1)
        self.edges = [
            attrs.evolve(edge, target=new.name) if edge.target == old.name else edge for edge in self.edges
        ]

    def shape(self) -> Shape:
        """Return the graph that was recorded, its nodes in the order of their priorities."""
        shape = shape_of(self.nodes, self.edges, self.ends)
        position = {node.name: index for index, node in enumerate(shape.nodes)}
        self._positions[:] = [position[node.name] for node in self.nodes]
        return shape

    def value(self, walk: Walk) -> Any:
        """Return what the body returned, with the values in place of the placeholders."""
        return None if self._returned is None else self._returned(walk.values)

    def starts(self) -> list[str]:
        """Return the names of the nodes that wait for none."""
        waiting = {edge.target for edge in self.edges}
        return [node.name for node in self.nodes if node.name not in waiting]

    def _name(self, base: str) -> str:
        """Return a name that no other node has: the task's, and from the second on with a number."""
        count = self._counts.get(base, 0) + 1
        name = base if count == 1 else f"{base}_{count}"
        while count > 1 and name in self._counts:  # another task has that name of its own
            count += 1
            name = f"{base}_{count}"
        self._counts[base] = count
        self._counts.setdefault(name, 1)
        return name


def _inputs(
    args: tuple[Any, ...], kwargs: Mapping[str, Any], fill_args: Fill | None, fill_kwargs: Fill | None
) -> Callable[[Sequence[Any]], Inputs]:
    if fill_args is None and fill_kwargs is None:
        return lambda _: (args, kwargs)
    if fill_kwargs is None:
        filled_args: Any = fill_args
        return lambda values: (filled_args(values), kwargs)
    filled_kwargs = fill_kwargs
    if fill_args is None:
        return lambda values: (args, filled_kwargs(values))
    both = fill_args
    return lambda values: (both(values), filled_kwargs(values))


def _check_arguments(task: Task[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    """Refuse arguments that no layer could make fit; those missing may still be filled in by one."""
    try:
        signature = task.signature
    except ValueError:  # a builtin that does not tell
        return
    try:
        signature.bind_partial(*args, **kwargs)
    except TypeError as error:
        raise TypeError(f"{task.name}() {error}") from None
