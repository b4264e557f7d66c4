"""One run of a graph: the parts that are the same on one thread, on several, and in an event loop."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, get_args

import attrs

from pegboard.errors import is_parked
from pegboard.parts import checks
from pegboard.parts.awaiting import is_awaitable, settled
from pegboard.parts.notes import note_on
from pegboard.running.open_group import OpenGroup, open_group
from pegboard_flow._errors import GraphError, GraphFailed
from pegboard_flow.running.result import GraphResult
from pegboard_flow.running.saga import Saga
from pegboard_flow.running.spans import Spans
from pegboard_flow.running.walk import CUT_OFF, SKIPPED, WAITING, Walk

if TYPE_CHECKING:
    from pegboard import Call
    from pegboard_flow.running.saga import Answer
    from pegboard_flow.running.shape import Edge, Inputs, Shape

OnError = Literal["fail_fast", "continue", "aggregate"]


_ON_ERROR = checks.one_of(*get_args(OnError))
_CONCURRENCY = checks.whole(least=1, type_error=ValueError).or_none("as many as the executor runs")


@attrs.frozen
class Settings:
    """How a graph runs.

    Attributes:
        name: What people call it.
        on_error: What a failed node means to the others.
        concurrency: How many nodes may run at once; None for as many as the executor runs, in an event loop for all.
        undo: Whether nodes that ended are undone when a later one fails.
    """

    name: str
    on_error: OnError = "fail_fast"
    concurrency: int | None = None
    undo: bool = attrs.field(default=False, validator=checks.flag())

    def __attrs_post_init__(self) -> None:
        _ON_ERROR.check("on_error", self.on_error)
        _CONCURRENCY.check("concurrency", self.concurrency)


class Run:
    """A run: its walk, and what a finished or failed node means to it."""

    def __init__(
        self, shape: Shape, settings: Settings, given: Inputs, value_of: Callable[[Walk], Any]
    ) -> None:
        self.shape = shape
        self.settings = settings
        self.walk = Walk(shape, given)
        self.spans = Spans(self.walk)
        self._value_of = value_of
        self.saga = Saga() if settings.undo else None
        self._goes_on = settings.on_error != "fail_fast"
        self._suspension: BaseException | None = None

    def make(self, group: OpenGroup, index: int, inputs: Inputs) -> Call | None:
        """Make the call of a node beforehand, where somebody wants to know of it."""
        if self.spans.wanted or self.saga is not None or group.group.wants_names:
            return self.spans.make(group, index, inputs)
        return None

    def succeeded(self, index: int, call: Call | None, answer: Answer | None = None) -> None:
        """Note the call of a node that ended well."""
        if call is not None and self.saga is not None:
            self.saga.end(self.shape.nodes[index].name, call, answer)
        if call is not None and self.spans.wanted:
            self.spans.note(index, call)

    def begun(self, index: int, call: Call | None, answer: Answer) -> None:
        """Note the call of a node that runs by itself."""
        if call is not None and self.saga is not None:
            self.saga.begin(self.shape.nodes[index].name, call, answer)

    def open(self) -> OpenGroup:
        """Make the group of this run."""
        size = None if self.shape.conditional else len(self.shape.nodes)
        return open_group("graph", self.settings.name, size=size)

    def fail(self, index: int, error: BaseException) -> None:
        """Keep the failure of a node, or raise it where it ends the run.

        Raises:
            BaseException: The very error, when the policy is to fail fast, or when it is no Exception.
        """
        if is_parked(error) and not isinstance(error, Exception):
            self._suspension = (
                self._suspension or error
            )  # what waits for it waits on, the rest goes to its end
            return
        if not isinstance(error, Exception):
            raise error
        note_on(error, f"in node {self.shape.nodes[index].name!r} of graph {self.settings.name!r}")
        self.walk.fail(index, error)
        if not self._goes_on:
            raise error

    def finish(self) -> Any:
        """Return the value of a run that is over.

        Raises:
            GraphFailed: The policy is to aggregate, and nodes failed.
        """
        errors = self.walk.failures()
        if self._suspension is not None:
            raise self._suspension
        if errors and self.settings.on_error == "aggregate":
            raise _aggregated(self.settings.name, dict(errors))
        return self._value_of(self.walk)

    def refused(self, index: int, value: Any) -> set[int]:
        """Ask the conditions on the edges out of a node, and return the targets of those that are not taken."""
        return {target for target, edge in self.shape.conditional[index] if not self._is_met(edge, value)}

    async def arefused(self, index: int, value: Any) -> set[int]:
        """Do what `refused` does, for conditions that may have to be awaited."""
        found = set()
        for target, edge in self.shape.conditional[index]:
            try:
                taken = bool(await settled(edge.condition(value)))  # type: ignore[misc]  # conditional edges have one
            except Exception as error:
                self._note_condition(edge, error)
                raise
            if not taken:
                found.add(target)
        return found

    def result(self, value: Any, error: Exception | None) -> GraphResult:
        """Tell how a run that is over went."""
        walk = self.walk
        return GraphResult(
            value=value,
            error=error,
            values=walk.results(),
            errors=walk.failures(),
            skipped=walk.names(SKIPPED),
            cut_off=walk.names(CUT_OFF),
            stopped=walk.names(WAITING),
        )

    def _is_met(self, edge: Edge, value: Any) -> bool:
        try:
            answer = edge.condition(value)  # type: ignore[misc]  # as above
            if is_awaitable(answer):
                raise self._awaitable_condition(edge, answer)  # noqa: TRY301 - to get the note, too
            return bool(answer)
        except Exception as error:
            self._note_condition(edge, error)
            raise

    def _note_condition(self, edge: Edge, error: Exception) -> None:
        note_on(error, f"in the condition of edge {edge} of graph {self.settings.name!r}")

    def _awaitable_condition(self, edge: Edge, answer: object) -> GraphError:
        if inspect.iscoroutine(answer):
            answer.close()
        return GraphError(
            f"the condition of edge {edge} gave {type(answer).__name__}, which has to be awaited, and graph "
            f"{self.settings.name!r} runs in sync code because no task or condition of it is `async def`.\n"
            f"Write the condition as `async def`, or await the graph: graph.acall(...).",
            graph=self.settings.name,
            node=edge.source,
        )


def _aggregated(graph: str, errors: dict[str, Exception]) -> GraphFailed:
    error: GraphFailed = GraphFailed.__new__(
        GraphFailed, f"{len(errors)} nodes of graph {graph!r} failed: {', '.join(errors)}", [*errors.values()]
    )
    error.__dict__.update(graph=graph, errors=errors)
    return error
