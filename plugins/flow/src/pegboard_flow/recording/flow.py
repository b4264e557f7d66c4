"""`@flow`: a graph built from plain calls."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, overload

from pegboard import Task
from pegboard.parts.stopping import awaited
from pegboard_flow._errors import GraphError, PlaceholderError
from pegboard_flow._recorder import current_recorder
from pegboard_flow._tasks import runner_of
from pegboard_flow.graph.drawing import Drawing
from pegboard_flow.recording.placeholder import Placeholder
from pegboard_flow.recording.session import recorded
from pegboard_flow.running.in_loop import run_async
from pegboard_flow.running.on_executor import run_sync
from pegboard_flow.running.run import OnError, Run, Settings

if TYPE_CHECKING:
    from pegboard_flow.recording.recording import Recording
    from pegboard_flow.running.result import GraphResult

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
T = TypeVar("T")
_NOTHING_GIVEN: tuple[tuple[Any, ...], dict[str, Any]] = ((), {})


class Flow(Generic[P, R_co]):
    """A function whose body puts tasks in order; called, it runs them as a graph.

    Every call runs the body once more, so it may loop over its arguments and decide by them. In it a task that is called gives
    a placeholder, to be handed to other tasks, or returned.

    Attributes:
        name: What people call it, in events, spans and errors.
    """

    __wrapped__: Callable[P, R_co]

    def __init__(self, function: Callable[P, R_co], settings: Settings) -> None:
        functools.update_wrapper(self, function)
        self.name = settings.name
        self._settings = settings
        self._is_async_body = inspect.iscoroutinefunction(function)
        self._task: Task[..., Any] | None = None

    def __repr__(self) -> str:
        return f"<Flow {self.name}>"

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Run the flow and return its value.

        A coroutine where the body is `async def` or calls an async task. Called in the body of another flow, it is a node
        of that.
        """
        outer = current_recorder.get()
        value: Any
        if outer is not None:
            value = outer.add(self.as_task(), args, kwargs)
        elif self._is_async_body:
            value = self.acall(*args, **kwargs)
        else:
            run = self._run(args, kwargs)
            value = run_async(run) if run.shape.is_async else run_sync(run)
        return value  # type: ignore[no-any-return]

    @overload
    def acall(
        self: Flow[P, Coroutine[Any, Any, T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, T]: ...
    @overload
    def acall(self, /, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R_co]: ...
    async def acall(self, /, *args: Any, **kwargs: Any) -> Any:
        """Run the flow, whatever is in it, with something to await."""
        return await run_async(self._run(args, kwargs))

    def run(self, /, *args: P.args, **kwargs: P.kwargs) -> GraphResult:
        """Run the flow and tell what became of every node; an Exception of a node is in the result.

        Raises:
            GraphError: The flow has to be awaited: `await flow.arun(...)`.
        """
        run = self._run(args, kwargs)
        if run.shape.is_async:
            raise GraphError(
                f"flow {self.name!r} has async tasks.\nAwait it: await flow.arun(...).",
                graph=self.name,
                node="",
            )
        try:
            return run.result(run_sync(run), None)
        except Exception as error:  # noqa: BLE001 - it is the result
            return run.result(None, error)

    async def arun(self, /, *args: P.args, **kwargs: P.kwargs) -> GraphResult:
        """Do what `run` does, to be awaited."""
        run = self._run(args, kwargs)
        try:
            return run.result(await run_async(run), None)
        except Exception as error:  # noqa: BLE001 - it is the result
            return run.result(None, error)

    def as_task(self) -> Task[..., Any]:
        """Return a task that runs the flow, to be a node of a graph."""
        if self._task is None:

            def run(*args: Any, **kwargs: Any) -> Any:
                return _wait_for(self._run(args, kwargs))

            async def arun(*args: Any, **kwargs: Any) -> Any:
                return await run_async(self._run(args, kwargs))

            body = arun if self._is_async_body else run
            self._task = runner_of(functools.wraps(self.__wrapped__)(body), self.name)
        return self._task

    # Drawing: the body runs, and no task. Parameters that are not given are placeholders, too. --------------------

    def dot(self, /, *args: Any, **kwargs: Any) -> str:
        """Draw the flow for Graphviz, as it is for these arguments; no task runs."""
        return self._drawing(args, kwargs).dot()

    def mermaid(self, /, *args: Any, **kwargs: Any) -> str:
        """Draw the flow as a Mermaid flowchart, as it is for these arguments; no task runs."""
        return self._drawing(args, kwargs).mermaid()

    def describe(self, /, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Return the names of nodes, tasks and edges, as they are for these arguments; no task runs."""
        return self._drawing(args, kwargs).describe()

    def to_json(self, /, *args: Any, **kwargs: Any) -> str:
        """Write what `describe` returns as JSON."""
        return self._drawing(args, kwargs).to_json()

    def _drawing(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Drawing:
        recording = self._record(*_with_placeholders(self.__wrapped__, args, kwargs))
        return Drawing(self.name, recording.nodes, recording.edges, recording.starts(), recording.ends)

    def _record(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Recording:
        body: Callable[..., Any] = self.__wrapped__
        with recorded() as recording:
            value = body(*args, **kwargs)
            recording.finish(_stepped(self.name, value) if self._is_async_body else value)
        return recording

    def _run(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Run:
        recording = self._record(args, kwargs)
        return Run(recording.shape(), self._settings, _NOTHING_GIVEN, recording.value)


@overload
def flow(function: Callable[P, R], /) -> Flow[P, R]: ...
@overload
def flow(
    *, name: str | None = None, on_error: OnError = "fail_fast", concurrency: int | None = None
) -> Callable[[Callable[P, R]], Flow[P, R]]: ...
def flow(
    function: Any = None,
    /,
    *,
    name: str | None = None,
    on_error: OnError = "fail_fast",
    concurrency: int | None = None,
) -> Any:
    """Turn a function that calls tasks into a graph of these calls: `@flow`, or `@flow(concurrency=4)`.

    Calls that do not wait for each other's values overlap. Tasks whose values are not returned run all the same.

    Args:
        function: Its body is plain Python, or `async def` where it awaits async tasks.
        name: Default is the function's name.
        on_error: As for a `Graph`.
        concurrency: As for a `Graph`.
    """

    def decorate(body: Callable[P, R]) -> Flow[P, R]:
        if isinstance(body, Task) or not inspect.isfunction(body):
            raise TypeError(f"@flow takes a plain function that calls tasks, not {type(body).__name__}.")
        if inspect.isgeneratorfunction(body) or inspect.isasyncgenfunction(body):
            raise TypeError(f"@flow takes a function that returns, and {body.__qualname__} yields.")
        own = body.__qualname__.rpartition("<locals>.")[2]
        return Flow(body, Settings(own if name is None else name, on_error, concurrency))

    if function is not None:
        return decorate(function)
    Settings("", on_error, concurrency)
    return decorate


def _wait_for(run: Run) -> Any:
    """Run it from sync code, in an event loop of its own where it needs one."""
    if not run.shape.is_async:
        return run_sync(run)
    import asyncio

    return asyncio.run(awaited(run_async(run)))


def _stepped(name: str, body: Coroutine[Any, Any, Any]) -> Any:
    """Run the body of an `async def` flow: awaiting a placeholder does not suspend, so one step is all."""
    try:
        body.send(None)
    except StopIteration as stop:
        return stop.value
    body.close()
    raise PlaceholderError(
        f"the body of flow {name!r} awaits something that is no task.\n"
        f"In the body of a flow nothing runs yet, so nothing can be waited for. Do it in a task: await task(...).",
        node="",
    )


def _with_placeholders(
    body: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Complete arguments with placeholders for the parameters that have no default."""
    bound = inspect.signature(body).bind_partial(*args, **kwargs)
    for name, parameter in bound.signature.parameters.items():
        optional = parameter.default is not parameter.empty or parameter.kind in (
            parameter.VAR_POSITIONAL,
            parameter.VAR_KEYWORD,
        )
        if name not in bound.arguments and not optional:
            bound.arguments[name] = Placeholder(f"parameter {name!r}")
    bound.arguments = {
        name: bound.arguments[name] for name in bound.signature.parameters if name in bound.arguments
    }
    return bound.args, bound.kwargs
