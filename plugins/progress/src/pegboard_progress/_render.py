"""Bars as lines of a terminal, made with rich."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pegboard.parts.random_state import import_keeping_random_state
from pegboard.texts import encodable
from pegboard_progress._text import counts, duration, rate

if TYPE_CHECKING:
    from rich.console import Console, OverflowMethod, RenderableType

    from pegboard_progress._bar import Bar

SHOWN_MOST = 10
_BAR_WIDTH = 24
_MARKS = {"ok": ("✓", "+", "green"), "error": ("✗", "x", "red")}


class Renderer:
    """Renders to text; rich never gets to know the stream, whose end it would take for the program's.

    Args:
        encoding: What the stream can hold.
        color: Whether colours may be used.
    """

    def __init__(self, encoding: str, *, color: bool) -> None:
        self._encoding = encoding
        self._unicode = encoding.startswith("utf")
        self._overflow: OverflowMethod = "ellipsis" if self._unicode else "crop"
        self._color = color

    def bars(self, bars: Sequence[Bar], width: int, height: int) -> list[str]:
        """Lay bars out below each other, one line each: the first ten, or as many as there is height for."""
        import_keeping_random_state("rich.style")
        from rich.table import Table

        table = Table.grid(padding=(0, 1))
        table.add_column(no_wrap=True, overflow=self._overflow, ratio=None)
        for _ in range(5):
            table.add_column(no_wrap=True)
        most = max(min(SHOWN_MOST, height), 1)
        for bar in bars[:most]:
            table.add_row(*self._cells(bar))
        lines = self._rendered(table, width)
        if len(bars) > most:
            lines.append(f"  {len(bars) - most:,} more")
        return lines

    def ended(self, bar: Bar, width: int) -> str:
        """Write what stays of a bar that is over."""
        import_keeping_random_state("rich.style")
        from rich.text import Text

        fancy, plain, style = _MARKS.get(bar.status, ("■", "#", "yellow"))
        text = Text()
        text.append(fancy if self._unicode else plain, style=style)
        text.append(f" {self._label(bar)}  {counts(bar)}  {duration(bar.elapsed)}")
        if bar.rate is not None:
            text.append(f"  {rate(bar.rate)}", style="dim")
        if bar.failed:
            text.append(f"  {bar.failed:,} failed", style="red")
        return "".join(self._rendered(text, width)[:1])

    def _cells(self, bar: Bar) -> list[RenderableType]:
        from rich.text import Text

        speed, left = bar.rate, bar.remaining
        return [
            Text("  " * min(bar.depth, 8) + self._label(bar)),
            "" if bar.total is None else self._progress(bar),
            Text(counts(bar), style="green"),
            Text("" if speed is None else rate(speed), style="dim"),
            Text(duration(bar.elapsed) if left is None else f"{duration(left)} left", style="cyan"),
            Text(f"{bar.failed:,} failed" if bar.failed else "", style="red"),
        ]

    def _label(self, bar: Bar) -> str:
        """Escape a label before lines are laid out: one that grew later would wrap, and be wiped in part only."""
        return encodable(bar.label, self._encoding)

    def _progress(self, bar: Bar) -> RenderableType:
        if self._unicode:
            from rich.progress_bar import ProgressBar

            return ProgressBar(bar.total or 1, bar.done if bar.total else 1, width=_BAR_WIDTH)
        from rich.text import Text

        share = min(bar.done / bar.total, 1.0) if bar.total else 1.0
        filled = int(share * _BAR_WIDTH)
        return Text("#" * filled + "-" * (_BAR_WIDTH - filled))

    def _rendered(self, what: Any, width: int) -> list[str]:
        console = self._console(width)
        with console.capture() as captured:
            console.print(what, no_wrap=True, overflow=self._overflow, crop=True)
        return captured.get().splitlines()

    def _console(self, width: int) -> Console:
        from rich.console import Console

        return Console(
            file=io.StringIO(),
            force_terminal=True,
            force_jupyter=False,
            legacy_windows=False,
            color_system="standard" if self._color else None,
            no_color=not self._color,
            width=max(width - 1, 10),  # the last column is left free: writing there may wrap
            markup=False,
            highlight=False,
            emoji=False,
        )
