"""What the tests of progress share: streams to write to, and what a terminal shows of what was written."""

from __future__ import annotations

import io
import re

import pytest

from pegboard import Session
from pegboard.testing import FakeClock
from pegboard_progress import Progress

_TOKEN = re.compile(r"\x1b\[(?P<count>\d*)A|(?P<wipe>\x1b\[2K)|\x1b\[[\d;]*m|(?P<char>[^\x1b])", re.DOTALL)


def _screen_of(text):
    """Do what a terminal does with lines, cursor up and wiping, and return its lines; another escape is an error."""
    lines, row, position = [""], 0, 0
    while position < len(text):
        token = _TOKEN.match(text, position)
        assert token is not None, f"an unknown escape: {text[position : position + 10]!r}"
        position = token.end()
        if token["count"]:
            row -= int(token["count"])
            assert row >= 0
        elif token["wipe"]:
            lines[row] = ""
        elif token["char"] == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif token["char"] not in (None, "\r"):
            lines[row] += token["char"]
    return [line.rstrip() for line in lines]


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self):
        return True


@pytest.fixture
def screen_of():
    """Gives the lines that a terminal shows of a text."""
    return _screen_of


@pytest.fixture
def terminal():
    return Terminal()


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def out():
    return io.StringIO()


@pytest.fixture
def session(clock, out):
    """An open, strict session on a fake clock, that writes plain lines to `out` every ten seconds."""
    with Session(clock, Progress(out, after=0), executor="inline", strict=True, inherit=False) as opened:
        yield opened


@pytest.fixture
def lines(out):
    """Gives what was written so far, line by line."""
    return lambda: out.getvalue().splitlines()
