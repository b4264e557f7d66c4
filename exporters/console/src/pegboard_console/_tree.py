"""Calls that ended, with as many of the calls below them as will be shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pegboard_console._text import error_name, safe

if TYPE_CHECKING:
    from pegboard import Group, Outcome

CHILDREN_MOST = 10  # calls shown below one
FAILURES_MOST = 10  # failed ones shown beyond these
LINES_MOST = 100  # of one call with all below it
DEPTH_MOST = 16


class Node:
    """A call or a group that ended.

    Attributes:
        name: Its name, safe to print.
        status: As in `Outcome`.
        source: As in `Outcome`.
        attempts: How often the function ran; for a group 1.
        duration: Elapsed seconds.
        error: Name of the class that left it, or None.
        items: How many calls a group made; None for a call.
        branch: The calls below it, or None.
    """

    __slots__ = ("attempts", "branch", "duration", "error", "items", "name", "source", "status")

    def __init__(self, name: str, outcome: Outcome, branch: Branch | None, items: int | None = None) -> None:
        self.name = safe(name)
        self.status = outcome.status
        self.source = outcome.source
        self.attempts = 1 if items is not None else outcome.attempts
        self.duration = outcome.duration
        self.error = None if outcome.error is None else error_name(outcome.error)
        self.items = items
        self.branch = branch

    @classmethod
    def of_group(cls, group: Group, outcome: Outcome, branch: Branch | None) -> Node:
        """Make the node of a map or another group."""
        return cls(f"{group.kind} {group.name}", outcome, branch, group.calls)

    @property
    def lines(self) -> int:
        """How many lines it takes."""
        return 1 + (0 if self.branch is None else self.branch.lines)

    @property
    def depth(self) -> int:
        """How many levels it has, its own included."""
        return 1 + (0 if self.branch is None else self.branch.depth)

    def fold(self) -> None:
        """Keep only how many calls are below."""
        if self.branch is not None:
            self.branch = self.branch.folded()


class Branch:
    """The calls below one that have ended, in the order of their ends.

    The first ten are kept, and ten failed ones beyond; of the rest only the numbers. So a branch never holds more than a
    screen or two shows, however many calls there are.

    Attributes:
        shown: The calls that are kept.
        more: How many others there are: beside those that are kept, or, of a folded branch, on all levels.
        more_failed: How many of these failed.
        lines: How many lines it takes.
        depth: How many levels it has.
        calls, failed: How many calls there are on all levels, and how many of them failed.
    """

    __slots__ = ("calls", "depth", "failed", "lines", "more", "more_failed", "shown")

    def __init__(self) -> None:
        self.shown: list[Node] = []
        self.more = self.more_failed = 0
        self.lines = self.depth = 0
        self.calls = self.failed = 0

    def has_place(self, failed: bool) -> bool:
        """Whether one more call would be kept."""
        return len(self.shown) < CHILDREN_MOST + (FAILURES_MOST if failed else 0) and self.lines < LINES_MOST

    def add(self, node: Node) -> None:
        """Take a call in, with what is below it or without, or count it."""
        failed = node.status == "error"
        if self.lines + node.lines > LINES_MOST or node.depth >= DEPTH_MOST:
            node.fold()
        if not self.has_place(failed) or self.lines + node.lines > LINES_MOST:
            self.count(failed, node.branch)
            return
        self._tally(failed, node.branch)
        self.shown.append(node)
        self.lines += node.lines
        self.depth = max(self.depth, node.depth)

    def count(self, failed: bool, branch: Branch | None) -> None:
        """Count a call that is not kept, with what is below it."""
        self._tally(failed, branch)
        if not self.more:
            self.lines += 1
            self.depth = max(self.depth, 1)
        self.more += 1
        self.more_failed += failed

    def folded(self) -> Branch:
        """Return this branch with nothing but its numbers."""
        folded = Branch()
        folded.more = folded.calls = self.calls
        folded.more_failed = folded.failed = self.failed
        folded.lines = folded.depth = 1
        return folded

    def _tally(self, failed: bool, branch: Branch | None) -> None:
        self.calls += 1 + (0 if branch is None else branch.calls)
        self.failed += failed + (0 if branch is None else branch.failed)
