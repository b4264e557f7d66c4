"""Plugins that go to workers, for the tests of other processes."""

from __future__ import annotations

import sys

from pegboard import current_session, task


class Counting:
    """Can be made anew in a worker."""

    name = "counting"

    def __init__(self, step):
        if step < 0 and "pytest" not in sys.modules:  # in a worker
            raise ValueError("step is 0 or more")
        self.step = step

    def worker_settings(self):
        return {"step": self.step}


@task
def steps(_=None):
    plugin = current_session().plugins.get("counting")
    return None if plugin is None else plugin.step
