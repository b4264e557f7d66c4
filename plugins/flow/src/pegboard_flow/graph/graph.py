"""A graph of tasks, built by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

from pegboard import Priority
from pegboard.parts import checks
from pegboard_flow._errors import GraphError
from pegboard_flow._recorder import current_recorder
from pegboard_flow._tasks import mapping_task, runner_of, task_of
from pegboard_flow.graph.cycles import cycle_error
from pegboard_flow.graph.drawing import Drawing
from pegboard_flow.graph.validation import check
from pegboard_flow.running.in_loop import run_async
from pegboard_flow.running.on_executor import run_sync
from pegboard_flow.running.run import OnError, Run, Settings
from pegboard_flow.running.shape import Condition, Edge, Inputs, Node, Shape, shape_of

if TYPE_CHECKING:
    from pegboard import Task
    from pegboard_flow.running.result import GraphResult
    from pegboard_flow.running.walk import Walk


_PRIORITY = checks.whole()


class Graph:
    """Tasks that wait for each other: built once, called as often as you like, also at the same time.

        graph = Graph("report")
        graph.add_node("load", load).add_node("clean", clean).add_node("write", write)
        graph.add_edge("load", "clean").add_edge("clean", "write", condition=bool)
        graph.start_with("load").end_with("write")
        graph("2026-05-01")

    The starts get what the graph is called with; every other node gets the outputs of its predecessors, in the order in which
    the edges were added. A node runs once, when all of its predecessors are over and at least one edge to it is
    taken. An edge is not taken when its condition says no, or when the node it comes from was skipped.

    Args:
        name: What people call it, in events, spans and errors.
        on_error: `fail_fast`: the first failure stops the graph and is raised, the same object. `continue`: what depends
            on a failed node does not run, the rest does; an end that failed, or was cut off, gives the exception.
            `aggregate`: the same, and at the end `GraphFailed` is raised with all failures.
        concurrency: How many nodes may run at once. Without it as many as the session's executor runs; in a graph that is
            awaited all of them.
        undo: When the graph fails, or is cancelled, undo the nodes that ended, as their tasks' `Undo` says, in the reverse of the
            order in which they ended. In a durable run that is the run's to do.
    """

    def __init__(
        self,
        name: str = "graph",
        *,
        on_error: OnError = "fail_fast",
        concurrency: int | None = None,
        undo: bool = False,
    ) -> None:
        self._settings = Settings(name, on_error, concurrency, undo)
        self._nodes: dict[str, Node] = {}
        self._edges: dict[tuple[str, str], Edge] = {}
        self._starts: list[str] = []
        self._ends: list[str] = []
        self._shape: Shape | None = None
        self._task: Task[..., Any] | None = None

    @property
    def name(self) -> str:
        """The graph's name."""
        return self._settings.name

    def __repr__(self) -> str:
        return f"<Graph {self.name} of {len(self._nodes)} nodes and {len(self._edges)} edges>"

    # Building ---------------------------------------------------------------------------------------------------

    def add_node(
        self,
        name: str,
        task: Callable[..., Any] | Task[..., Any],
        *,
        priority: int | None = None,
        map: bool = False,  # noqa: A002 - as the method of a task that it calls
    ) -> Self:
        """Add a task under a name that no other node has; a plain function, a graph or a flow is made a task.

        Args:
            name: How edges, errors and drawings call it.
            task: One task may stand at several nodes.
            priority: Among nodes that are ready, the higher goes first; among equals the one added first. By default the
                task's own, `@task(Priority(5))`, or 0.
            map: Call the task once for each item of its predecessor's output (of several, zipped), and give the list.
        """
        if name in self._nodes:
            raise self._wrong(f"has a node {name!r} already.\nGive the other one a name of its own.", name)
        if priority is not None:
            _PRIORITY.check("priority", priority, owner="add_node")
        if task is self:
            raise self._wrong(f"cannot stand at its own node {name!r}: it would never end.", name)
        run = task_of(task, name)
        first = Priority.of(run) if priority is None else priority
        self._nodes[name] = Node(name, mapping_task(run) if map else run, first)
        self._shape = None
        return self

    def add_edge(self, source: str, target: str, condition: Condition | None = None) -> Self:
        """Let `target` wait for `source` and get its output, if the condition holds.

        Args:
            source: Name of a node.
            target: Name of another one.
            condition: Takes the output of `source`; sync or async. Where it is false the edge is not taken.
        """
        self._known(source)
        self._known(target)
        if source == target:
            raise cycle_error(self.name, (source, target))
        if (source, target) in self._edges:
            raise self._wrong(f"has the edge {source} -> {target} already.", source)
        if condition is not None and not callable(condition):
            raise TypeError(f"condition takes a function of the output, not {type(condition).__name__}.")
        self._edges[source, target] = Edge(source, target, condition)
        self._shape = None
        return self

    def start_with(self, *names: str) -> Self:
        """Begin with these nodes, and those named before."""
        self._starts += [self._known(name) for name in names if name not in self._starts]
        self._shape = None
        return self

    def end_with(self, *names: str) -> Self:
        """Give the values of these nodes, and those named before: of one reached its value, of several a dict by name."""
        self._ends += [self._known(name) for name in names if name not in self._ends]
        self._shape = None
        return self

    def validate(self) -> Self:
        """Refuse a graph that cannot run; a call does so too.

        Raises:
            CycleError: Nodes wait for each other; the path is in the message.
            GraphError: No start, no end, a start that is an end or waits for another node, a node out of reach.
        """
        self._compiled()
        return self

    # Calling ----------------------------------------------------------------------------------------------------

    @property
    def is_async(self) -> bool:
        """Whether a call gives a coroutine: some task or condition has to be awaited."""
        return self._compiled().is_async

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Run the graph and return its value; a coroutine where some task or condition is async.

        Called in the body of a flow, it is a node of that.
        """
        recorder = current_recorder.get()
        if recorder is not None:
            return recorder.add(self.as_task(), args, kwargs)
        run = self._run((args, kwargs))
        return run_async(run) if run.shape.is_async else run_sync(run)

    async def acall(self, /, *args: Any, **kwargs: Any) -> Any:
        """Run the graph, whatever is in it, with something to await; the bodies of sync tasks run in threads."""
        return await run_async(self._run((args, kwargs)))

    def run(self, /, *args: Any, **kwargs: Any) -> GraphResult:
        """Run the graph and tell what became of every node; an Exception is in the result.

        Raises:
            GraphError: The graph cannot run, or has to be awaited: `await graph.arun(...)`.
        """
        run = self._run((args, kwargs))
        if run.shape.is_async:
            raise self._wrong("has async tasks or conditions.\nAwait it: await graph.arun(...).")
        try:
            return run.result(run_sync(run), None)
        except Exception as error:  # noqa: BLE001 - it is the result
            return run.result(None, error)

    async def arun(self, /, *args: Any, **kwargs: Any) -> GraphResult:
        """Do what `run` does, to be awaited."""
        run = self._run((args, kwargs))
        try:
            return run.result(await run_async(run), None)
        except Exception as error:  # noqa: BLE001 - it is the result
            return run.result(None, error)

    def as_task(self) -> Task[..., Any]:
        """Return a task that runs the graph, to be a node of another one."""
        is_async = self.is_async
        if self._task is None or (self._task.kind == "coroutine") is not is_async:

            def run(*args: Any, **kwargs: Any) -> Any:
                return self(*args, **kwargs)

            self._task = runner_of(self.acall if is_async else run, self.name)
        return self._task

    # Drawing ----------------------------------------------------------------------------------------------------

    def dot(self) -> str:
        """Draw the graph for Graphviz; nothing runs, and it need not be valid."""
        return self._drawing().dot()

    def mermaid(self) -> str:
        """Draw the graph as a Mermaid flowchart; nothing runs, and it need not be valid."""
        return self._drawing().mermaid()

    def to_json(self, indent: int | None = None) -> str:
        """Write nodes and edges as JSON; nothing runs, and it need not be valid."""
        return self._drawing().to_json(indent)

    def describe(self) -> dict[str, Any]:
        """Return what `to_json` writes."""
        return self._drawing().describe()

    def _drawing(self) -> Drawing:
        return Drawing(self.name, [*self._nodes.values()], [*self._edges.values()], self._starts, self._ends)

    def _compiled(self) -> Shape:
        shape = self._shape
        if shape is None:
            edges = [*self._edges.values()]
            check(self.name, self._nodes, edges, self._starts, self._ends)
            shape = self._shape = shape_of([*self._nodes.values()], edges, self._ends)
        return shape

    def _run(self, given: Inputs) -> Run:
        return Run(self._compiled(), self._settings, given, _end_value)

    def _known(self, name: str) -> str:
        if name not in self._nodes:
            known = ", ".join(self._nodes) or "none yet"
            raise self._wrong(
                f"has no node {name!r}.\nAdd it first: graph.add_node({name!r}, ...). Known: {known}.", name
            )
        return name

    def _wrong(self, what: str, node: str = "") -> GraphError:
        return GraphError(f"graph {self.name!r} {what}", graph=self.name, node=node)


def _end_value(walk: Walk) -> Any:
    """Of one end reached its value, of several a dict by name, of none None."""
    values = walk.end_values()
    return values if len(values) > 1 else next(iter(values.values()), None)
