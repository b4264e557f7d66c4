"""What happens around a call of a task that is not durable: in a run, nodes of graphs and workflows are steps, and the rest is plain code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pegboard import Layer, Order, hookimpl
from pegboard.records import NODE
from pegboard_durable._layer import DurableCalls, go_on_counting, save_retry
from pegboard_durable._option import Durable
from pegboard_durable._position import POSITION, escaped, written

if TYPE_CHECKING:
    from pegboard import Call, Session, Task
    from pegboard.layers import Proceed
    from pegboard_durable._runs import Runs

_DURABLE = Durable()


class PlainCalls:
    """The layer around one task, and the observer of its retries."""

    def __init__(
        self, session: Session, task: Task[..., Any], runs: Runs, plugin: type, *, may_be_recorded: bool
    ) -> None:
        self._session = session
        self._task = task
        self._name = escaped(task.name)
        self._may_be_retried = bool(task.options)
        self._may_be_recorded = may_be_recorded
        self._runs = runs
        self._plugin = plugin
        self._node: DurableCalls | None = None

    def layers(self) -> list[Layer]:
        """Make the layers; a generator has none."""
        if self._task.kind in ("generator", "async_generator"):
            return []
        layers = [Layer("durable", Order.JOURNAL, run=self._run, made=self._made)]
        if self._may_be_retried:
            layers.append(Layer("durable-attempt", Order.PLACE - 1, run=self._attempt))
        return layers

    def _made(self, call: Call) -> None:
        if POSITION.get() is None:
            return
        if self._is_node(call):
            self._as_node.named(call)
        elif self._may_be_retried:
            self._named(call)

    async def _run(self, call: Call, proceed: Proceed) -> Any:
        position = POSITION.get()
        if position is None:
            return await proceed(call)
        if self._is_node(call):
            return await self._as_node.step(call, proceed, position)
        if self._may_be_retried:
            found = position.execution.read(self._named(call))
            if found is not None and found.enclosing == written(position.attempts(call.parent)):
                await go_on_counting(call, position.execution, found)
        return await proceed(call)

    async def _attempt(self, call: Call, proceed: Proceed) -> Any:
        if POSITION.get() is None or not self._is_node(call):
            return await proceed(call)
        return await self._as_node.attempt(call, proceed)

    @property
    def _as_node(self) -> DurableCalls:
        if self._node is None:
            self._node = DurableCalls(self._session, self._task, _DURABLE, self._runs, self._plugin)
        return self._node

    def _named(self, call: Call) -> str:
        """Name a call that may be retried: steps in it have the same names in each attempt, and it goes on counting."""
        position = POSITION.get()
        if position is not None and PlainCalls not in call.state:
            call.state[PlainCalls] = position.key_of_call(call, f"~{self._name}")
        key: str = call.state[PlainCalls]
        return key

    @hookimpl
    def on_retry(self, call: Call, attempt: int, delay: float, ran: bool) -> None:
        """Note how often it was tried, if there are steps in it."""
        position = POSITION.get()
        if position is None:
            return
        if self._is_node(call):
            self._as_node.on_retry(call, attempt, delay, ran)
        elif position.contains(call) and PlainCalls in call.state:
            done = attempt if ran else attempt - 1
            save_retry(position, call.state[PlainCalls], "root", position.attempts(call.parent), done, delay)

    def _is_node(self, call: Call) -> bool:
        """Whether it is the call of a node of a graph, or of a step of a workflow, and may be recorded."""
        named = call.group is not None and call.group.wants_names and NODE in call.state
        return named and self._may_be_recorded
