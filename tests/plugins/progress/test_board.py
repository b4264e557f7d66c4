"""Bars on a terminal: a real one where it matters."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
import threading
import time

import pytest

from pegboard import Session, task
from pegboard_progress import Progress
from pegboard_progress._board import Board
from pegboard_progress._render import SHOWN_MOST, Renderer
from pegboard_progress._terminal import Terminal

PROGRAM = """
import logging, sys, time
from pegboard import Session, task
from pegboard_progress import Progress
logging.basicConfig(format="%(message)s")
@task
def fetch(x):
    time.sleep(0.01)
    if x % 10 == 0: logging.warning("logged %s", x); print("printed", x)
    if x == 3: raise OSError
with Session(Progress(after=0.05)):
    fetch.map(range(40), on_error="collect", concurrency=1)
"""


def run_in_terminal(program, **environment):
    """Run a program in a pseudo terminal of 80 columns, and return all it wrote."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environment = {**os.environ, "TERM": "xterm", **environment}
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    ) as child:
        os.close(theirs)
        written = b""
        while True:
            try:
                chunk = os.read(ours, 65_536)
            except OSError:  # EIO: the other side is closed
                break
            if not chunk:
                break
            written += chunk
    os.close(ours)
    assert child.returncode == 0, written
    return written.decode()


def test_on_a_terminal_a_bar_moves_and_leaves_one_line(screen_of):
    """Logging and print of the same time are whole lines, failures are counted, and nothing of the bar is left."""
    written = run_in_terminal(PROGRAM)
    assert written.count("map fetch") > 3
    assert "━" in written
    lines = [line for line in screen_of(written) if line]
    expected = [text for x in range(0, 40, 10) for text in (f"logged {x}", f"printed {x}")]
    assert lines[:-1] == expected
    assert lines[-1].startswith("✓ map fetch  40/40  0:0")
    assert lines[-1].endswith("1 failed")


def test_a_dumb_terminal_gets_plain_lines():
    """TERM=dumb cannot move its cursor."""
    written = run_in_terminal(PROGRAM, TERM="dumb")
    assert "\x1b" not in written
    assert "map fetch  40/40, 100%, 1 failed" in written


def test_without_colour_there_is_none():
    """NO_COLOR is honoured; the bar still moves."""
    coloured, plain = run_in_terminal(PROGRAM), run_in_terminal(PROGRAM, NO_COLOR="1")
    assert "\x1b[3" in coloured or "\x1b[9" in coloured
    assert "\x1b[3" not in plain
    assert "\x1b[9" not in plain
    assert "\x1b[1A" in plain


def test_a_terminal_that_goes_away_is_fine():
    """The program ends well when its terminal is closed half-way."""
    ours, theirs = pty.openpty()
    program = PROGRAM.replace("logging.warning", "(lambda *_: 0)").replace("print(", "str(")
    program = program.replace("range(40)", "range(150)")  # so that it is half-way on a busy machine, too
    program = program.replace(
        'format="%(message)s"', "filename='/dev/null'"
    )  # a log on that terminal ends badly by itself
    with subprocess.Popen(
        [sys.executable, "-c", f"import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n{program}"],
        stdin=subprocess.DEVNULL,
        stderr=theirs,
        env={
            **os.environ,
            "TERM": "xterm",
            "PYTHONUNBUFFERED": "",
        },  # with buffers, which a failure leaves full
    ) as child:
        os.close(theirs)
        os.read(ours, 100)
        os.close(ours)
    assert child.returncode == 0


@pytest.fixture
def board(terminal, clock):
    """A board that is drawn when a test says so; `_draw` is what its thread calls."""
    made = Board(Terminal(terminal), Renderer("utf-8", color=False), every=10, after=0, refresh=60)
    yield made
    made.close()


class Subject:
    """Stands for a group or call with its place among others."""

    def __init__(self, parent=None, group=None):
        self.parent = parent
        self.group = group


def test_a_bar_shows_count_rate_and_remaining_time(board, clock, terminal, screen_of):
    """Of 40 in all, 10 after 5 seconds: 2 a second, and 15 seconds to go."""
    bar = board.begin(Subject(), "map fetch", 40, clock)
    for index in range(10):
        bar.advance(failed=index == 0)
    clock.advance(5)
    board._draw()
    shown = screen_of(terminal.getvalue())[0]
    assert shown.split("━")[0].strip() == "map fetch"
    assert shown.split()[-6:] == ["10/40", "2.0/s", "0:15", "left", "1", "failed"]


def test_bars_within_another_stand_below_it(board, clock, terminal, screen_of):
    """Nested maps are indented, whatever the order in which they began."""
    outer, other = Subject(), Subject()
    board.begin(outer, "outer", 1, clock)
    board.begin(other, "other", 1, clock)
    board.begin(Subject(parent=Subject(group=outer)), "inner", 1, clock)
    board._draw()
    labels = [line[:7].rstrip() for line in screen_of(terminal.getvalue())]
    assert labels == ["outer", "  inner", "other", ""]


def test_many_bars_are_cut_and_counted(board, clock, terminal, screen_of):
    """Ten are shown, of the others how many."""
    for index in range(SHOWN_MOST + 5):
        board.begin(Subject(), f"bar {index}", None, clock)
    board._draw()
    shown = [line for line in screen_of(terminal.getvalue()) if line]
    assert len(shown) == SHOWN_MOST + 1
    assert shown[-1] == "  5 more"


def test_an_encoding_without_bars_gets_ascii(clock):
    """A terminal that knows no such characters gets others."""
    from pegboard_progress._bar import Bar

    renderer = Renderer("ascii", color=False)
    bar = Bar("läd", 4, clock, 0)
    bar.set(1, None)
    clock.advance(1)
    [line] = renderer.bars([bar], 80, 10)
    assert line.isascii()
    assert "######------------------" in line
    bar.end("ok")
    assert renderer.ended(bar, 80).startswith("+ l\\xe4d")


def test_no_line_is_wider_than_the_terminal(clock):
    """A line that wraps could not be wiped."""
    from pegboard_progress._bar import Bar

    bar = Bar("x" * 40, 10**9, clock, 8)
    bar.set(10**8, None)
    clock.advance(0.001)
    for width in (20, 40, 80):
        assert all(len(line) < width for line in Renderer("utf-8", color=False).bars([bar], width, 10))


def names():
    return {thread.name for thread in threading.enumerate()}


def test_a_thread_draws_while_a_bar_is_there_and_ends_with_it(terminal):
    """There is none before the first bar, and none after the last."""
    seen = []

    @task
    def fetch(x):
        time.sleep(0.02)
        seen.append("pegboard-progress" in names())

    with Session(Progress(terminal, after=0.01), executor="inline", strict=True, inherit=False):
        assert "pegboard-progress" not in names()
        fetch.map(range(10))
        deadline = time.monotonic() + 10
        while "pegboard-progress" in names() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert "pegboard-progress" not in names()
    assert all(seen)
    assert terminal.getvalue().count("map fetch") > 1


def test_no_thread_is_left_when_the_session_ends_while_bars_are_there(terminal):
    """A stream that nobody finished has no bar after the session."""

    @task
    def rows():
        yield 1
        yield 2

    with Session(Progress(terminal, after=0), strict=True, inherit=False):
        stream = rows()
        next(stream)
        assert "pegboard-progress" in names()
    assert "pegboard-progress" not in names()
    assert "write" not in vars(terminal)
    stream.close()


def test_a_bar_that_ends_while_it_is_drawn_leaves_nothing(terminal, clock):
    """The thread that drew it wipes it, and gives the streams back."""
    subject = Subject()

    class Ending(Renderer):
        def bars(self, bars, width, height):
            board.end(subject, "ok")
            return super().bars(bars, width, height)

    board = Board(Terminal(terminal), Ending("utf-8", color=False), every=10, after=0, refresh=0.01)
    board.begin(subject, "fetch", None, clock)
    deadline = time.monotonic() + 10
    while (board.bars or "pegboard-progress" in names()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert "fetch" in terminal.getvalue()
    assert "write" not in vars(terminal)
    board.close()


def test_plain_lines_need_no_thread(out):
    """They are written by whoever ended a call."""

    @task
    def fetch(x):
        return "pegboard-progress" in names()

    with Session(Progress(out, after=0, every=0), strict=True, inherit=False):
        assert not any(fetch.map(range(5)))
    assert out.getvalue().count("map fetch") >= 2
