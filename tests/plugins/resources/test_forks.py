"""A child process of a program that is measured."""

from __future__ import annotations

import mmap
import os

import pytest

from pegboard import Session, task
from pegboard_resources import Resources


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_child_measures_itself():
    """It has no thread that samples, so it looks itself, at its own memory; and its calls are alone."""
    ours, theirs = os.pipe()

    @task
    def hold(size):
        pages = mmap.mmap(-1, size)  # fresh: an allocator hands out again what was freed
        pages[::4096] = b"x" * -(-size // 4096)
        return pages

    with Session(Resources(memory=True, interval=60), strict=True, inherit=False) as session:
        parent = session[Resources].sample()
        hold(1)
        child = os.fork()
        if child == 0:
            held = hold(50_000_000)
            sample, usage = session[Resources].sample(), session[Resources].usage(hold)
            fine = sample.time > parent.time and sample.threads == 1 and usage.rss_growth_max > 40_000_000
            os.write(theirs, b"fine" if fine and held else repr((sample, usage)).encode())
            os._exit(0)
        os.waitpid(child, 0)
    assert os.read(ours, 1000) == b"fine"
    os.close(ours)
    os.close(theirs)
