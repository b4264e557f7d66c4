"""Whole programs: what stands in the main script, what is not installed, what outlives whom."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

SCRIPT = """
import os
from pegboard import On, Session, current_session, task

class Mine(Exception):
    pass

@task
def inner(x):
    return x + 1

@task(On("processes"))
def outer(x):
    if x == 3:
        raise Mine("three")
    return inner(x) * 10, os.getpid()

{before}
with Session(executor="processes"):
    assert outer(1)[0] == 20
    assert [value for value, _ in outer.map([0, 1])] == [10, 20]
    assert os.getpid() not in [pid for _, pid in outer.map(range(2))]
    assert (lambda n: task(lambda x: x + n, name="closure"))(5).map([1, 2]) == [6, 7]
    try:
        outer(3)
    except Mine as error:
        assert "raised in process" in "".join(error.__notes__)
    else:
        raise SystemExit("no error")
print("done")
"""
BLOCKED = """
import sys
sys.modules["cloudpickle"] = None
"""


def run_script(folder, text):
    """Run a script in an interpreter of its own."""
    path = folder / "script.py"
    path.write_text(text)
    return subprocess.run(
        [sys.executable, "-W", "error", path],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=folder,
        check=False,
    )


def test_main_script_without_a_guard(tmp_path):
    """Tasks, errors and closures of the main script work, and the script runs once: no guard is needed."""
    done = run_script(tmp_path, SCRIPT.replace("{before}", "print('begun')"))
    assert (done.stdout, done.stderr) == ("begun\ndone\n", "")


def test_without_a_session(tmp_path):
    """The default session's pool ends with the program."""
    script = "from pegboard import On, task\n@task(On('processes'))\ndef f(x): return x + 1\nprint(f(1), f.map([2]))"
    done = run_script(tmp_path, script)
    assert (done.stdout, done.stderr) == ("2 [3]\n", "")


@pytest.mark.parametrize("what", ["outer(1)", "task(lambda x: x, name='anonymous').map([1])"])
def test_without_cloudpickle(tmp_path, what):
    """Without cloudpickle a function of the main script, or a lambda, is refused, with what to do about it."""
    head = SCRIPT.partition("{before}")[0]
    done = run_script(tmp_path, f"{BLOCKED}{head}\nwith Session(executor='processes'):\n    {what}\n")
    assert done.returncode == 1
    assert "TransportError" in done.stderr
    assert "pip install cloudpickle" in done.stderr


def test_nothing_is_imported_before_it_is_needed(tmp_path):
    """Importing pegboard, opening a session and calling a task load nothing of other processes."""
    script = """
import sys
from pegboard import On, Session, task
@task
def f(x): return x
@task(On("processes"))
def g(x): return x
with Session():
    f(1), f.map([1])
heavy = [name for name in sys.modules if name.startswith(("pegboard_processes", "multiprocessing", "cloudpickle"))]
print(heavy)
"""
    assert run_script(tmp_path, script).stdout == "[]\n"


ENDLESS = """
import os, time
from pathlib import Path
from pegboard import Session, task
@task
def forever(number):
    Path(f"pid{number}").write_text(str(os.getpid()))
    time.sleep(600)
if __name__ == "__main__":
    from pegboard import Processes
    with Processes(2, start_method="{method}") as pool, Session(executor=pool):
        forever.map([0, 1])
"""


@pytest.mark.parametrize("method", ["forkserver", "fork"])
def test_death_of_the_parent_ends_the_workers(tmp_path, is_gone, method):
    """When the program is killed, its workers end, also those at work in a function that never does."""
    (tmp_path / "script.py").write_text(ENDLESS.replace("{method}", method))
    program = subprocess.Popen([sys.executable, "script.py"], cwd=tmp_path)
    files = [tmp_path / "pid0", tmp_path / "pid1"]
    wait_until(lambda: all(each.exists() and each.read_text() for each in files))
    program.kill()
    program.wait()
    wait_until(lambda: all(is_gone(int(each.read_text())) for each in files))


def test_ctrl_c_of_a_program(tmp_path, is_gone):
    """Ctrl-C, which the terminal sends to all, ends the program with one traceback, and its workers."""
    (tmp_path / "script.py").write_text(ENDLESS.replace("{method}", "forkserver"))
    program = subprocess.Popen(
        [sys.executable, "script.py"], cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    files = [tmp_path / "pid0", tmp_path / "pid1"]
    wait_until(lambda: all(each.exists() and each.read_text() for each in files))
    os.killpg(program.pid, signal.SIGINT)
    _, errors = program.communicate(timeout=20)
    assert errors.count("Traceback") == 1
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert all(is_gone(int(each.read_text())) for each in files)


def wait_until(met):
    """Wait for a condition of the outer world."""
    for _ in range(2000):
        if met():
            return
        time.sleep(0.01)
    pytest.fail("waited for 20 s")
