"""A child process of a program that is measured."""

from __future__ import annotations

import mmap
import os
import threading

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


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_child_of_an_installed_session_begins_at_zero_and_samples_itself(pegboard_isolated, in_child):
    """Its usage has none of the parent's calls, and a thread samples it, which ends with its session."""

    @task
    def work():
        pass

    resources = Resources(interval=60)
    session = Session(resources).install()
    work()

    def threads():
        return [thread.name for thread in threading.enumerate() if thread.name == "pegboard-resources"]

    def child():
        before = resources.usage(work).calls
        work()
        samples = threads()
        session.uninstall()
        return [before, resources.usage(work).calls, len(samples), threads()]

    assert in_child(child) == [0, 1, 1, []]
    assert resources.usage(work).calls == 1
    session.uninstall()
