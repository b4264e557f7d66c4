"""Progress beside other plugins that write to the same terminal."""

from __future__ import annotations

import io
import re
import time

from pegboard import Session, task
from pegboard_console import Console
from pegboard_progress import Progress


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


def test_the_console_prints_above_the_bars():
    """Trees of the console are whole, whichever of the two was attached first."""

    @task
    def fetch(x):
        time.sleep(0.01)
        return x

    for first in (True, False):
        terminal = Terminal()
        console = Console(terminal, force=True, summary=False)
        progress = Progress(terminal, live=True, after=0.02)
        plugins = (console, progress) if first else (progress, console)
        with Session(*plugins, executor="inline", strict=True, inherit=False):
            fetch.map(range(20))
            fetch(1)
        plain = re.sub(r"\x1b\[[\d;]*[A-Za-z]", "", terminal.getvalue())
        whole = [line for line in plain.splitlines() if line.lstrip("├└│─ ").startswith("✓ fetch")]
        assert len(whole) == 11, plain
        assert "✓ map fetch  20/20" in plain
