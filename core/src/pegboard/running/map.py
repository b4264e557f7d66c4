"""One task over many inputs: results in input order, and nothing left running."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Sequence, Sized
from typing import TYPE_CHECKING, Any

from pegboard.calls.call import Call, open_call
from pegboard.places import RemotePlace
from pegboard.running.group import Group
from pegboard.running.group_state import POLICY, GroupState, OnError, check_policy
from pegboard.running.in_loop import run_in_loop
from pegboard.running.on_threads import drain
from pegboard.running.one import finish, finish_structured, in_new_loop
from pegboard.sessions.default import serving_session

if TYPE_CHECKING:
    from pegboard.parts import checks
    from pegboard.plans.plan import Plan
    from pegboard.tasks.task import Task

_ASYNC_MOST = 10_000  # in flight at once, where neither a limit nor the size of the input says less


class Fanout(GroupState):
    """The state of one map.

    Attributes:
        lead: Arguments that go before those of every item: what a method is bound to.
        size: How many items there are, where that is known.
    """

    def __init__(
        self,
        task: Task[..., Any],
        lead: tuple[Any, ...],
        iterables: Sequence[Iterable[Any]],
        on_error: OnError,
        strict: bool,
    ) -> None:
        session = serving_session(task)
        plan: Plan = task._plan_in(session)
        self.place = plan.own_place or session.place()
        self.plan = plan.placed(self.place) if isinstance(self.place, RemotePlace) else plan
        self.size = min((len(each) for each in iterables if isinstance(each, Sized)), default=None)
        group = Group(
            session,
            "map",
            task.name,
            size=self.size if all(isinstance(i, Sized) for i in iterables) else None,
            task=task,
        )
        super().__init__(group, zip(*iterables, strict=strict), on_error)
        self.lead = lead
        self._await = self.plan.run if task.kind == "coroutine" else finish_structured

    def call(self, index: int, args: tuple[Any, ...]) -> Call:
        """Make the call of one item; inside that item's context."""
        call = open_call(self.plan, (*self.lead, *args), {})
        call.group = group = self.group
        call.map_index = index
        if not call.plan.is_async:  # async ones run in the event loop
            call.executor = self.place.name
        group.calls += 1
        return call

    def finish_item(self, index: int, args: tuple[Any, ...]) -> Any:
        """Make the call of one item and run it to its end."""
        return finish(self.call(index, args))

    def await_item(self, index: int, args: tuple[Any, ...]) -> Awaitable[Any]:
        """Do what `finish_item` does, to be awaited."""
        waiting: Awaitable[Any] = self._await(self.call(index, args))
        return waiting


def check_map(
    way: str,
    iterables: Sequence[object],
    on_error: str,
    concurrency: int | None,
    policy: checks.Check[Any] = POLICY,
) -> None:
    """Refuse a map that cannot mean anything, before it starts."""
    if not iterables:
        raise TypeError(f"{way}() takes at least one iterable: one for each parameter of the task.")
    check_policy(on_error, concurrency, policy)


def map_sync(
    task: Task[..., Any],
    lead: tuple[Any, ...],
    iterables: Sequence[Iterable[Any]],
    on_error: OnError,
    concurrency: int | None,
    strict: bool,
) -> list[Any]:
    """Run a map from sync code; see `Task.map`."""
    check_map("map", iterables, on_error, concurrency)
    if task.kind in ("coroutine", "async_generator"):
        results: list[Any] = in_new_loop(
            lambda: map_async(task, lead, iterables, on_error, concurrency, strict),
            task.name,
            "amap(...)",
        )
        return results
    work = Fanout(task, lead, iterables, on_error, strict)
    if isinstance(work.place, RemotePlace):
        return work.place.map(work, concurrency)
    return drain(work, work.place, work.size, concurrency)


async def map_async(
    task: Task[..., Any],
    lead: tuple[Any, ...],
    iterables: Sequence[Iterable[Any]],
    on_error: OnError,
    concurrency: int | None,
    strict: bool,
) -> list[Any]:
    """Run a map from async code; see `Task.amap`."""
    check_map("map", iterables, on_error, concurrency)
    work = Fanout(task, lead, iterables, on_error, strict)
    if isinstance(work.place, RemotePlace):
        return await work.place.amap(work, concurrency)
    most = _ASYNC_MOST if task.kind in ("coroutine", "async_generator") else work.place.workers
    return await run_in_loop(work, concurrency or most)
