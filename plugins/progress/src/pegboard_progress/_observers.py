"""The observers of one task, with everything they need bound to them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

from pegboard import hookimpl
from pegboard_progress._text import label

if TYPE_CHECKING:
    from pegboard import Call, Outcome, Session, Task
    from pegboard_progress._bar import Bar
    from pegboard_progress._board import Board

_STREAMS = ("generator", "async_generator")


def bind_observers(board: Board, session: Session, task: Task[..., object]) -> object:
    """Make the observers of one task: the end of a call, what it says of itself, and the items of a stream."""
    bars, begin, moved, end = board.bars, board.begin, board.moved, board.end
    name, clock = task.name, session.clock

    def bar_of(call: Call) -> Bar:
        return bars.get(call) or begin(call, label(name, call.map_index), None, clock)

    def before_execute(call: Call) -> None:
        bar_of(call)

    def on_iteration(call: Call, index: int) -> None:
        bar = bars.get(call)
        if bar is not None:
            bar.done = index + 1
            moved(bar)

    def on_progress(call: Call, done: float, total: float | None) -> None:
        bar = bar_of(call)
        bar.set(done, total)
        moved(bar)

    def after_execute(call: Call, outcome: Outcome) -> None:
        if not bars:
            return
        if call in bars:
            end(call, outcome.status)
        group = call.group
        bar = None if group is None else bars.get(group)
        if bar is not None:
            bar.advance(failed=outcome.status == "error")
            moved(bar)

    of_streams = (before_execute, on_iteration) if task.kind in _STREAMS else ()
    observers = (on_progress, after_execute, *of_streams)
    return SimpleNamespace(**{observer.__name__: hookimpl(observer) for observer in observers})
