"""A forked child of a process that has a session installed."""

from __future__ import annotations

import os

import pytest

from pegboard import Session, task
from pegboard_cache import Cache, Caching

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks there"),
    pytest.mark.usefixtures("pegboard_isolated"),
]


@pytest.mark.parametrize("where", ["memory", "files"])
def test_a_child_counts_anew_and_finds_what_its_parent_kept(where, tmp_path, in_child):
    """Hits and misses are the child's own; values are there, whoever made them."""

    @task(Cache())
    def made_in(x):
        return os.getpid()

    caching = Caching(None if where == "memory" else tmp_path)
    session = Session(caching).install()
    parent = made_in(1)

    def child():
        return [made_in(1), made_in(2) == os.getpid(), caching.stats().hits, caching.stats().misses]

    assert in_child(child) == [parent, True, 1, 1]
    assert (caching.stats().hits, caching.stats().misses) == (0, 1)
    session.uninstall()
