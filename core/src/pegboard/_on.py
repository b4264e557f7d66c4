"""The option that says where a task's function runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from pegboard import _discovery
from pegboard._executors import BUILT_IN, PROCESSES, unknown_executor
from pegboard.errors import UnsupportedTask
from pegboard.options import Option

if TYPE_CHECKING:
    from pegboard.task import Task


def _known(_: object, __: attrs.Attribute[Any], name: object) -> None:
    if not isinstance(name, str):
        raise TypeError(f"On takes the name of an executor, such as 'processes', not {name!r}.")
    if name not in BUILT_IN and name not in _discovery.installed():
        raise unknown_executor(name)


@attrs.frozen
class On(Option):
    """Say where the function runs, whatever executor the session has: `@task(On("processes"))`.

    On `processes`, and on executors of plugins, the function alone travels, also when the task is called directly; its
    layers and observers stay at the caller's. `threads` and `inline` count for `map` and `submit`: a task that is called directly runs on
    the thread that calls it.

    Attributes:
        executor: `inline`, `threads`, `processes`, or the name of an installed plugin that has an executor, such as `dask`.
    """

    kinds = frozenset({"function", "coroutine"})

    executor: str = attrs.field(validator=_known)

    def check(self, task: Task[..., Any]) -> None:
        """Refuse a coroutine on threads: it runs in an event loop."""
        if task.kind == "coroutine" and self.executor in BUILT_IN and self.executor != PROCESSES:
            raise UnsupportedTask(
                f"On({self.executor!r}) says nothing for the coroutine {task.name!r}, which runs in the event loop of whoever "
                f"awaits it.\nTake it off, or make the task a plain function.",
                plugin="",
                task=task.name,
                kind=task.kind,
            )
