"""All bars of one plugin, and when they are shown."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from pegboard.parts import after_fork, new_rlock
from pegboard_progress._bar import Bar
from pegboard_progress._text import line

if TYPE_CHECKING:
    from pegboard import Call, Group
    from pegboard.clock import Clock
    from pegboard_progress._render import Renderer
    from pegboard_progress._terminal import Frame, Terminal


class Board:
    """Keeps the bars that go on, and shows them: drawn by a thread on a terminal, as a line now and then elsewhere.

    Args:
        terminal: Where to write.
        renderer: Lays bars out; None writes plain lines.
        every: Seconds between plain lines.
        after: Seconds before a bar is shown.
        refresh: Seconds between two drawings.
    """

    def __init__(
        self, terminal: Terminal, renderer: Renderer | None, *, every: float, after: float, refresh: float
    ) -> None:
        self.bars: dict[Group | Call, Bar] = {}
        self._terminal = terminal
        self._renderer = renderer
        self._every = every
        self._after = after
        self._refresh = refresh
        self._guard = new_rlock()
        self._wake = threading.Condition(self._guard)
        self._thread: threading.Thread | None = None
        self._ended: list[Bar] = []
        self._lines: list[str] = []
        self._told = 0.0  # when a line was last written, by the clock of the bar it was about
        self._closed = False
        after_fork(self._show_nothing)

    def _show_nothing(self) -> None:
        """In a forked child: the terminal is the parent's."""
        self._guard = new_rlock()
        self._wake = threading.Condition(self._guard)
        self._thread = None
        self._closed = True
        self.bars.clear()
        self._ended.clear()

    @property
    def is_live(self) -> bool:
        """Whether bars are drawn."""
        return self._renderer is not None

    def begin(self, subject: Group | Call, label: str, total: float | None, clock: Clock) -> Bar:
        """Add a bar, and see to it that it is shown."""
        with self._guard:
            bar = self.bars.get(subject)
            if bar is None:
                above = self._above(subject)
                bar = Bar(label, total, clock, 0 if above is None else above.depth + 1)
                self._told = max(self._told, bar.started) if self.bars else bar.started
                self.bars[subject] = bar
                if (
                    self._renderer is not None
                    and self._thread is None
                    and not (self._closed or self._terminal.over)
                ):
                    self._thread = threading.Thread(target=self._run, name="pegboard-progress", daemon=True)
                    self._thread.start()
            return bar

    def end(self, subject: Group | Call, status: str) -> None:
        """Take a bar away; a line stays of one that is in no other and was there long enough to be seen."""
        with self._guard:
            bar = self.bars.pop(subject, None)
            if bar is None:
                return
            bar.end(status)
            if bar.depth == 0 and bar.elapsed >= self._after:
                self._ended.append(bar)
            due = self._ended if self._renderer is None else self._unfinished()
        if due:
            self._draw()

    def moved(self, bar: Bar) -> None:
        """Write a plain line about every bar, when it is time for one."""
        if self._renderer is not None or bar.now() - self._told < self._every:
            return
        with self._guard:
            now = bar.now()
            if now - self._told < self._every:
                return
            self._told = now
            self._lines += [line(each) for each in self._shown()]
        self._draw()

    def close(self) -> None:
        """Show nothing more; returns when the thread has ended."""
        with self._guard:
            self.bars.clear()
            self._closed = True
            thread, unfinished = self._thread, self._unfinished()
            self._wake.notify_all()
        if unfinished:
            self._draw()
        if thread is not None:
            thread.join()

    def _unfinished(self) -> bool:
        """Whether the last bar has gone, and the terminal does not show that."""
        return not self.bars and (bool(self._ended) or self._terminal.has_block)

    def _run(self) -> None:
        """Draw until there is nothing to draw; a little longer, so that many short maps share one thread."""
        wait = max(self._after, self._refresh)
        while True:
            with self._guard:
                if not self._closed:
                    self._wake.wait(wait)
                wait = self._refresh
                if self._closed or self._terminal.over or not self.bars:
                    self._thread = None
                    break
            self._draw()
        if self._terminal.has_block:  # the last bar ended while it was being drawn
            self._draw()

    def _draw(self) -> None:
        """Write what there is to write. Never called with the lock held: whoever writes to the terminal may need it."""
        self._terminal.draw(self._plain_frame if self._renderer is None else self._frame)

    def _plain_frame(self) -> Frame:
        with self._guard:
            lines, self._lines = self._lines, []
            ended, self._ended = self._ended, []
        return (), [*lines, *map(line, ended)]

    def _frame(self) -> Frame:
        with self._guard:
            ended, self._ended = self._ended, []
            bars = self._shown()
        renderer = self._renderer
        if renderer is None:
            return (), ()
        width, height = self._terminal.size
        lines = [renderer.ended(bar, width) for bar in ended]
        return renderer.bars(bars, width, height - 2) if bars else (), lines

    def _shown(self) -> list[Bar]:
        """The bars that have been there long enough, those within another one below it."""
        shown: list[Bar] = []
        below: dict[Bar | None, list[tuple[Group | Call, Bar]]] = {}
        for subject, bar in list(self.bars.items()):
            if bar.elapsed >= self._after:
                below.setdefault(self._above(subject), []).append((subject, bar))

        def add(above: Bar | None) -> None:
            for _, bar in below.pop(above, ()):
                shown.append(bar)
                add(bar)

        add(None)
        for rest in below.values():  # within one that is not shown
            shown += [bar for _, bar in rest]
        return shown

    def _above(self, subject: Group | Call) -> Bar | None:
        """The innermost bar that a group or call is within."""
        bars = self.bars
        call = subject.parent
        made_by = getattr(subject, "group", None)
        if made_by is not None and made_by in bars:
            return bars[made_by]
        while call is not None:
            if call in bars:
                return bars[call]
            group = call.group
            if group is not None and group in bars:
                return bars[group]
            call = call.parent
        return None
