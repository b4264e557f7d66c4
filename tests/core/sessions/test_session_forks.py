"""A fork inside a session."""

from __future__ import annotations

import os
import subprocess
import sys

PROGRAM = """
import os, sys
from pegboard import Layer, Order, Session, hookimpl, task

class Limiting:
    name = "limiting"
    @hookimpl
    def bind(self, task):
        if task.name != "limited":
            return None
        async def run(call, proceed):
            async with call.timeout(5):
                return await proceed(call)
        return Layer("limiting", Order.TIMEOUT, run)

@task
def double(x):
    return 2 * x

@task(name="limited")
def limited(x):
    return 2 * x

with Session(Limiting()):
    assert double.map(range(20)) == [2 * i for i in range(20)]
    assert double.submit(1).result(5) == limited(1) == 2
    pid = os.fork()
    assert double.map(range(20)) == [2 * i for i in range(20)]
    assert double.submit(2).result(5) == limited(2) == 4
if pid:
    _, status = os.waitpid(pid, 0)
    print("child", os.waitstatus_to_exitcode(status))
"""


def test_tasks_run_on_both_sides_of_a_fork_and_both_end() -> None:
    """Parent and child of a fork inside a session run tasks, maps and limits, and both exit in time."""
    assert hasattr(os, "fork")
    done = subprocess.run(
        [sys.executable, "-W", "ignore:This process:DeprecationWarning", "-c", PROGRAM],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("child 0\n", "", 0)
