"""How workers start: with which modules, and whose key."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import pytest
import remote_tasks as tasks

from pegboard import Processes, Session

MODULES = str(Path(__file__).parents[1] / "modules")
METHODS = pytest.mark.parametrize("method", ["forkserver", "spawn", "fork"])
NAMES = ("json", "random", "socket", "signal", "select", "multiprocessing", "typing", "uuid", "asyncio")
PROGRAM = """
import sys
sys.path.insert(0, {modules!r})
import remote_tasks as tasks
from pegboard import Processes, Session
with Session(executor=Processes(1, start_method={method!r})):
    assert tasks.plus_one.map(range(3)) == [1, 2, 3]
    assert tasks.uses_the_library.submit().result().startswith({library!r})
print("done")
"""


@METHODS
def test_the_current_folder_does_not_stand_in_for_the_standard_library(tmp_path, method):
    """Files there that are called like modules of it do not run when workers and the fork server start."""
    for name in NAMES:
        (tmp_path / f"{name}.py").write_text(f"open('ran_{name}', 'w').close(); raise SystemExit('{name}')\n")
    script = tmp_path / "elsewhere" / "script.py"
    script.parent.mkdir()
    library = str(Path(os.__file__).parent)
    script.write_text(PROGRAM.format(modules=MODULES, method=method, library=library))
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("done\n", "")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("ran_")] == []


@METHODS
def test_managers_of_the_parent_are_reached(method):
    """A proxy works as an argument: workers have the parent's key."""
    with multiprocessing.get_context("spawn").Manager() as manager:
        found = manager.dict()
        with Session(executor=Processes(1, start_method=method)):
            tasks.puts.map([found] * 3, range(3))
            tasks.puts.submit(found, 3).result()
        assert dict(found) == {0: 0, 1: 2, 2: 4, 3: 6}
