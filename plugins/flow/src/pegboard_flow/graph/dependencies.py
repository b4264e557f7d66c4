"""Which things come before which, without running any."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable
from heapq import heapify, heappop, heappush
from typing import Generic, TypeVar

from pegboard_flow._errors import GraphError
from pegboard_flow.graph.cycles import cycle_error, find_cycle

T = TypeVar("T", bound=Hashable)


class DependencyGraph(Generic[T]):
    """Ids, and which of them have to be over before which; runs nothing.

    Every answer is in the order in which the ids were added, as far as the dependencies leave it open.
    """

    def __init__(self) -> None:
        self._needs: dict[T, dict[T, None]] = {}

    def __len__(self) -> int:
        return len(self._needs)

    def __contains__(self, task: object) -> bool:
        return task in self._needs

    def __repr__(self) -> str:
        return f"<DependencyGraph of {len(self)} tasks>"

    def add_task(self, task: T, depends_on: Iterable[T] = ()) -> None:
        """Add an id, and what has to be over before it; adding the same one again changes nothing.

        Raises:
            GraphError: What it depends on was not added.
        """
        needs = [self._known(need) for need in depends_on]
        self._needs.setdefault(task, {}).update(dict.fromkeys(needs))

    def add_dependency(self, *, task: T, depends_on: T) -> None:
        """Let `task` wait for `depends_on`; by keyword alone, as the other way round would be as good a call.

        A cycle is allowed until somebody asks for an order.

        Raises:
            GraphError: One of them was not added.
        """
        self._needs[self._known(task)][self._known(depends_on)] = None

    def remove_dependency(self, task: T, depends_on: T) -> None:
        """Let `task` no longer wait for `depends_on`.

        Raises:
            GraphError: One of them was not added, or there is no such dependency.
        """
        needs = self._needs[self._known(task)]
        if self._known(depends_on) not in needs:
            raise GraphError(f"{task!r} does not depend on {depends_on!r}.", graph="", node=str(task))
        del needs[depends_on]

    def get_dependencies(self, task: T) -> list[T]:
        """Return what a task waits for."""
        return [*self._needs[self._known(task)]]

    def get_ready_tasks(self, completed: Collection[T] = ()) -> list[T]:
        """Return the tasks that may run: not completed themselves, and all they wait for is.

        Raises:
            GraphError: Something completed was not added.
        """
        over = {self._known(task) for task in completed}
        return [task for task, needs in self._needs.items() if task not in over and over.issuperset(needs)]

    def find_cycle(self) -> tuple[T, ...] | None:
        """Return tasks that wait for each other, each before one that waits for it, the first once more at the end; or None."""
        cycle = find_cycle(self._needs)
        return None if cycle is None else cycle[::-1]

    def has_cycle(self) -> bool:
        """Whether any tasks wait for each other, or one for itself."""
        return self.find_cycle() is not None

    def topological_sort(self) -> list[T]:
        """Return all tasks, each after what it waits for.

        Raises:
            CycleError: Tasks wait for each other; the path is in the message.
        """
        tasks = [*self._needs]
        number = {task: index for index, task in enumerate(tasks)}
        left = [len(needs) for needs in self._needs.values()]
        waiting: list[list[int]] = [[] for _ in tasks]
        for index, needs in enumerate(self._needs.values()):
            for need in needs:
                waiting[number[need]].append(index)
        ready = [index for index, count in enumerate(left) if not count]
        heapify(ready)
        order: list[T] = []
        while ready:
            over = heappop(ready)
            order.append(tasks[over])
            for index in waiting[over]:
                left[index] -= 1
                if not left[index]:
                    heappush(ready, index)
        if len(order) < len(tasks):
            raise cycle_error("dependencies", tuple(map(str, self.find_cycle() or ())))
        return order

    def _known(self, task: T) -> T:
        if task not in self._needs:
            raise GraphError(
                f"no task {task!r} was added.\nAdd it first: add_task({task!r}).", graph="", node=str(task)
            )
        return task
