"""Plugins that go to workers, for the tests of other processes."""

from __future__ import annotations

import sys
from pathlib import Path

import attrs

from pegboard import Layer, Option, Order, Retry, current_session, hookimpl, task


class Counting:
    """Can be made anew in a worker."""

    name = "counting"

    def __init__(self, step):
        if step < 0 and "pytest" not in sys.modules:  # in a worker
            raise ValueError("step is 0 or more")
        self.step = step

    def worker_settings(self):
        return {"step": self.step}


class Stamping:
    """Has settings, and stays at home."""

    name = "stamping"

    def __init__(self, stamp):
        self.stamp = stamp

    @hookimpl
    def bind(self, task):
        if task.option(Stamp) is None:
            return None

        async def run(call, proceed):
            return self.stamp, await proceed(call)

        return Layer("stamping", Order.CACHE, run)


@attrs.frozen
class Stamp(Option):
    """Has its plugin change what a call returns."""

    plugin_name = "stamping"

    @classmethod
    def plugin(cls):
        return Stamping


@task(Stamp())
def stamped():
    return "value"


@task
def calls_stamped():
    return stamped()


@task(Retry(2))
def succeeds_at_last(log):
    with Path(log).open("a") as file:
        file.write("x")
    if Path(log).stat().st_size < 3:
        raise OSError("not yet")
    return "value"


@task
def calls_retried(log):
    return succeeds_at_last(log)


@task
def steps(_=None):
    plugin = current_session().plugins.get("counting")
    return None if plugin is None else plugin.step
