"""Trees and tables, made with rich."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.box import ASCII, SIMPLE_HEAD
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from pegboard.texts import cut, encodable
from pegboard_console._text import count, duration, safe

if TYPE_CHECKING:
    from pegboard_console._summary import TaskSummary
    from pegboard_console._tree import Branch, Node

_NAME_MOST = 48  # characters, so that what stands behind a name is seen on a line of 80
# Status -> mark, the same in ASCII, style.
_MARKS = {
    "ok": ("✓", "+", "green"),
    "error": ("✗", "x", "bold red"),
    "cancelled": ("■", "#", "yellow"),
    "closed": ("○", "o", "dim"),
    "suspended": ("‖", "=", "cyan"),
}
_SOURCES = {"cache": "cache hit", "journal": "replayed", "fallback": "fallback"}
_COLUMNS = ("calls", "ok", "errors", "retries", "hits", "p50", "p95", "total")


def has_unicode(encoding: str) -> bool:
    """Whether marks beyond ASCII can be written."""
    return encoding.startswith("utf")


def tree(node: Node, encoding: str) -> Tree | Text:
    """Lay out a call with what is below it, for a stream of this encoding."""
    label = _label(node, encoding)
    if node.branch is None:
        return label
    root = Tree(label, guide_style="dim")
    _grow(root, node.branch, encoding)
    return root


def _grow(root: Tree, branch: Branch, encoding: str) -> None:
    for node in branch.shown:
        below = root.add(_label(node, encoding))
        if node.branch is not None:
            _grow(below, node.branch, encoding)
    if branch.more:
        failed = f" ({branch.more_failed:,} failed)" if branch.more_failed else ""
        what = "more" if branch.shown else "below"
        root.add(
            Text(f"{'…' if has_unicode(encoding) else '...'} {branch.more:,} {what}{failed}", style="dim")
        )


def _label(node: Node, encoding: str) -> Text:
    fancy, plain, style = _MARKS[node.status]
    line = Text()
    line.append(fancy if has_unicode(encoding) else plain, style=style)
    line.append(f" {encodable(cut(node.name, _NAME_MOST, '...'), encoding)}", style="")
    line.append(f"  {duration(node.duration)}", style="cyan")
    if node.items is not None:
        line.append(f"  {count(node.items, 'call')}", style="dim")
    if node.attempts > 1:
        line.append(f"  {count(node.attempts, 'attempt')}", style="yellow")
    if node.source in _SOURCES:
        line.append(f"  {_SOURCES[node.source]}", style="magenta")
    if node.error is not None:
        line.append(f"  {encodable(node.error, encoding)}", style="red")
    return line


def table(tasks: Iterable[TaskSummary], encoding: str) -> Table:
    """Lay out the summary of a session. `other` (cancelled, closed early, suspended) is there when anything was."""
    rows = list(tasks)
    with_others = any(row.others for row in rows)
    columns = list(_COLUMNS)
    if with_others:
        columns.insert(3, "other")
    laid_out = Table(box=SIMPLE_HEAD if has_unicode(encoding) else ASCII, header_style="bold")
    laid_out.add_column("task", overflow="fold", min_width=8)
    for column in columns:
        laid_out.add_column(column, justify="right", no_wrap=True)
    for row in rows:
        cells = _cells(row)
        laid_out.add_row(Text(encodable(safe(row.name), encoding)), *(cells[column] for column in columns))
    return laid_out


def _cells(row: TaskSummary) -> dict[str, Text]:
    return {
        "calls": Text(f"{row.calls:,}"),
        "ok": Text(f"{row.ok:,}"),
        "errors": Text(f"{row.errors:,}", style="red" if row.errors else ""),
        "other": Text(f"{row.others:,}"),
        "retries": Text(f"{row.retries:,}", style="yellow" if row.retries else ""),
        "hits": Text(f"{row.hits:,}", style="magenta" if row.hits else ""),
        "p50": Text(_quantile(row, 0.5)),
        "p95": Text(_quantile(row, 0.95)),
        "total": Text(duration(row.durations.total)),
    }


def _quantile(row: TaskSummary, q: float) -> str:
    seconds = row.durations.quantile(q)
    return "-" if seconds is None else duration(seconds)
