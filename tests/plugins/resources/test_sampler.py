"""Samples of the process."""

from __future__ import annotations

import os
import threading
import time
from contextlib import ExitStack

import pytest

from pegboard import Session
from pegboard_resources import Resources


def names():
    return {thread.name for thread in threading.enumerate()}


def test_a_thread_samples_while_a_session_is_open():
    """The last sample is kept, newer ones replace it, and the thread ends with the session."""
    with Session(Resources(interval=0.01), inherit=False) as session:
        first = session[Resources].sample()
        assert "pegboard-resources" in names()
        deadline = time.monotonic() + 10
        while session[Resources].sample().time == first.time and time.monotonic() < deadline:
            time.sleep(0.005)
        assert session[Resources].sample().time > first.time
    assert "pegboard-resources" not in names()


def test_the_thread_stays_until_the_last_session_of_an_instance_ends():
    """Two sessions share one sampler."""
    resources = Resources(interval=60)
    with Session(resources, inherit=False):
        with Session(resources, inherit=False):
            pass
        assert "pegboard-resources" in names()
    assert "pegboard-resources" not in names()


def test_without_an_interval_each_question_samples():
    """No thread is needed to ask."""
    with Session(Resources(interval=None), inherit=False) as session:
        assert "pegboard-resources" not in names()
        assert session[Resources].sample().time < session[Resources].sample().time


def test_a_sample_is_of_this_process(tmp_path):
    """Memory, threads and open files are this process's, not the machine's."""
    held = 500  # more than what other tests leave to be closed meanwhile
    with Session(Resources(interval=None), inherit=False) as session, ExitStack() as files:
        before = session[Resources].sample()
        go = threading.Event()
        threads = [threading.Thread(target=go.wait) for _ in range(20)]
        for thread in threads:
            thread.start()
        for _ in range(held):
            files.enter_context((tmp_path / "held").open("w", encoding="utf-8"))
        after = session[Resources].sample()
        go.set()
        for thread in threads:
            thread.join()
    assert after.threads - before.threads == pytest.approx(20, abs=5)
    assert after.open_files - before.open_files == pytest.approx(held, abs=50)
    assert 1e6 < after.rss < os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def test_cpu_is_in_percent_of_one_core():
    """A thread that works all the time takes some of one core, one that sleeps next to none."""
    with Session(Resources(interval=None), inherit=False) as session:
        session[Resources].sample()
        end = time.thread_time() + 0.05
        while time.thread_time() < end:
            pass
        busy = session[Resources].sample().cpu_percent
        time.sleep(0.2)
        idle = session[Resources].sample().cpu_percent
    assert busy > 10 > idle >= 0
