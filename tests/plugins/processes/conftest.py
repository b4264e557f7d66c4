"""Tasks of a module that workers find on the path of the process that started them, and one pool for many tests."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "modules"))

from pegboard import Processes, Session


@pytest.fixture(scope="session")
def warm():
    """Return two workers that many tests share, each of which may kill them."""
    with Processes(workers=2) as pool:
        yield pool


@pytest.fixture
def on_workers(warm):
    """Open a session that sends functions to those workers."""
    with Session(executor=warm) as session:
        yield session


@pytest.fixture
def is_gone():
    """Return a test of whether a process is no more."""

    def check(pid: int) -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        return False

    return check
