"""The load of the machine."""

from __future__ import annotations

import os
import threading

from pegboard_cache.stores import load


def test_more_than_it_can(monkeypatch):
    """A load above the number of processors is high, and stays so for a second."""
    now, runnable = [100.0], [float(os.cpu_count())]
    monkeypatch.setattr(load.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(load, "_runnable", lambda: runnable)
    machine = load.Load()
    assert not machine.is_high()
    runnable[0] += 1
    assert not machine.is_high()  # looked at a moment ago
    now[0] += 0.06
    assert machine.is_high()
    runnable[0] = 0.0
    now[0] += 0.9
    assert machine.is_high()
    now[0] += 0.2
    assert not machine.is_high()


def test_what_the_system_tells():
    """What the system tells are numbers of threads, of which this one is running."""
    assert all(each >= 0 for each in load._runnable())
    assert threading.active_count() >= 1
