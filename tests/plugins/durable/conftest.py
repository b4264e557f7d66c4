"""What the tests of durable runs share."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.pool import Pool

sys.path.insert(0, str(Path(__file__).parent))  # `crashing`, which runs programs that are killed


@pytest.fixture
def journal(tmp_path):
    """The address of a journal that is not there yet."""
    return f"sqlite:///{tmp_path / 'journal.db'}"


@pytest.fixture
def full():
    """Make a context manager in which every connection that is opened finds the disk nearly full."""

    @contextmanager
    def limited(pages=1):  # SQLite takes those that there are, where these are fewer
        def limit(connection, _):
            connection.execute(f"PRAGMA max_page_count = {pages}")

        event.listen(Pool, "connect", limit)
        yield
        event.remove(Pool, "connect", limit)

    return limited
