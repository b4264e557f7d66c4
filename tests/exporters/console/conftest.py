"""What the tests of the console share: a stream to print to, and a session that does."""

from __future__ import annotations

import io

import pytest

from pegboard import Session
from pegboard_console import Console


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


@pytest.fixture
def terminal():
    """Where the console prints, as if somebody were looking."""
    return Terminal()


@pytest.fixture
def out():
    """Where `session` prints."""
    return io.StringIO()


@pytest.fixture
def session(out):
    """An open, strict session that prints trees, and no summary, into `out`."""
    with Session(Console(out, force=True, summary=False), inherit=False, strict=True) as opened:
        yield opened


@pytest.fixture
def shown(out):
    """Gives what was printed so far, without durations, line by line."""
    import re

    def lines():
        return [
            re.sub(r"  [\d.]+ (us|ms|s|m \d\d s)(?=  |$)", "", line.rstrip())
            for line in out.getvalue().splitlines()
        ]

    return lines
