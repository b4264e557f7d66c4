"""What one session shows: trees while it runs, a summary at its end."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from pegboard import hookimpl
from pegboard.parts import after_fork, new_held_rlock
from pegboard.parts.random_state import import_keeping_random_state
from pegboard_console._summary import Summary, TaskSummary
from pegboard_console._tree import Branch, Node

if TYPE_CHECKING:
    from pegboard import Call, Group, Outcome, Task
    from pegboard_console._screen import Screen

WAITING_MOST = 1_000  # ends that may wait for the thread that prints, before others wait for it too


class Report:
    """The calls of one session and of those that inherit from it.

    A call that ends is put below the call or group that made it, if that is still open. What nobody open made is printed.
    Only what is open is kept, each with at most a hundred lines of what has ended below it.

    An end is appended to a queue, and worked off by whoever finds the report free, so threads do not wait for each other; nor
    does a thread for itself, when the collector ends a stream while it prints.

    Args:
        screen: Where to print.
        with_tree: Whether calls are printed as they end.
        with_summary: Whether a table is at the end.
    """

    def __init__(self, screen: Screen, *, with_tree: bool, with_summary: bool) -> None:
        self._screen = screen
        self._with_tree = with_tree
        self._with_summary = with_summary
        self._summary = Summary()
        self._open: dict[Call | Group | None, Branch | None] = {}
        self._ends: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque()
        self._free = (
            new_held_rlock()
        )  # a child that is forked while something is written would write it again
        self._busy_in: int | None = None  # the thread that works off the queue
        after_fork(self._leave_to_parent)

    def _leave_to_parent(self) -> None:
        """In a forked child: what has begun before is the parent's to show, and so is the summary."""
        self._with_summary = False
        self._ends.clear()
        self._open.clear()

    def observers(self, task: Task[..., Any]) -> SimpleNamespace:
        """Make the observers of one task's calls."""
        summary = self._summary.task(task.name)
        is_open, ends, work_off, ended = self._open, self._ends, self._work_off, self._ended

        def before_execute(call: Call) -> None:
            is_open[call] = None

        def on_retry(call: Call) -> None:  # noqa: ARG001 - every event is about a call
            ends.append((_retried, (summary,)))

        def after_execute(call: Call, outcome: Outcome) -> None:
            ends.append((ended, (summary, call, outcome)))
            work_off()

        observers = (
            (before_execute, on_retry, after_execute) if self._with_tree else (on_retry, after_execute)
        )
        return SimpleNamespace(**{observer.__name__: hookimpl(observer) for observer in observers})

    def group_begins(self, group: Group) -> None:
        """Note a group, to collect its calls."""
        if self._with_tree:
            self._open[group] = None

    def group_ends(self, group: Group, outcome: Outcome) -> None:
        """Put a group below the call that made it, or print it."""
        if group in self._open:
            self._ends.append((self._group_ended, (group, outcome)))
            self._work_off()

    def end(self) -> None:
        """Print what is left, and the summary of a session in which anything was called."""
        self._ends.append((self._show_summary, ()))
        self._work_off(wait=True)

    def _work_off(self, *, wait: bool = False) -> None:
        while self._ends:
            wait = wait or len(self._ends) > WAITING_MOST
            if self._busy_in == threading.get_ident() or not self._free.acquire(blocking=wait):
                return  # whoever has it looks at the queue again after letting go
            self._busy_in = threading.get_ident()
            try:
                while self._ends:
                    handle, subjects = self._ends.popleft()
                    handle(*subjects)
            finally:
                self._busy_in = None
                self._free.release()

    def _ended(self, summary: TaskSummary, call: Call, outcome: Outcome) -> None:
        summary.add(outcome)
        if call not in self._open:
            return
        branch = self._open.pop(call, None)
        above = self._branch(call.group) or self._branch(call.parent)
        failed = outcome.status == "error"
        if above is not None and not above.has_place(failed):
            above.count(failed, branch)
        else:
            self._place(Node(call.name, outcome, branch), above)

    def _group_ended(self, group: Group, outcome: Outcome) -> None:
        branch = self._open.pop(group, None)
        self._place(Node.of_group(group, outcome, branch), self._branch(group.parent))

    def _branch(self, maker: Call | Group | None) -> Branch | None:
        """The branch of a call or group that is open; None for any other, and for none at all."""
        if maker is None or maker not in self._open:
            return None
        branch = self._open[maker]
        if branch is None:
            branch = self._open[maker] = Branch()
        return branch

    def _place(self, node: Node, above: Branch | None) -> None:
        if above is not None:
            above.add(node)
            return
        import_keeping_random_state("rich.style")
        from pegboard_console._render import tree

        self._screen.show(tree(node, self._screen.encoding))

    def _show_summary(self) -> None:
        tasks = list(self._summary.called())
        if self._with_summary and tasks:
            import_keeping_random_state("rich.style")
            from pegboard_console._render import table

            self._screen.show(table(tasks, self._screen.encoding))


def _retried(summary: TaskSummary) -> None:
    summary.retries += 1
