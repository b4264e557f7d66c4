"""What ends with a pool, and what does not end it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import remote_faults as faults
import remote_tasks as tasks

from pegboard import Session
from pegboard.errors import TransportError

MODULES = str(Path(__file__).parents[1] / "modules")
LATE = """
import sys, time
sys.path.insert(0, {modules!r})
import remote_tasks as tasks
from pegboard import Processes
pool = Processes(1, start_method={method!r})
for number in range(3):
    pool.submit(tasks.writes_late, {folder!r}, number)
{end}
"""


@pytest.mark.parametrize("method", ["forkserver", "spawn"])
@pytest.mark.parametrize(
    "end",
    ["", "pool.shutdown(wait=False)", "del pool", "raise SystemExit(0)"],
    ids=["nothing", "not waited for", "dropped", "exit"],
)
def test_no_work_is_lost_at_the_end_of_the_program(tmp_path, method, end):
    """What was submitted to a pool that nobody shut down is done before the program ends."""
    code = LATE.format(modules=MODULES, folder=str(tmp_path), method=method, end=end)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1", "2"]


@pytest.mark.parametrize("how", ["exit", "error"])
def test_what_cannot_be_made_again_fails_its_future(warm, how):
    """Also by an exit, as of a module that refuses to be imported; the pool goes on."""
    future = warm.submit(faults.NotMadeAgain, how)
    with pytest.raises(Exception, match=r"libfoo|refused"):
        future.result(timeout=20)
    assert warm.submit(abs, -1).result(timeout=20) == 1
    assert warm.queue_depth == 0


@pytest.mark.parametrize("way", ["call", "submit"])
def test_a_result_that_exits_here_is_an_error_of_its_call(warm, way):
    """The program goes on."""
    with Session(executor=warm), pytest.raises(TransportError, match="libfoo"):
        if way == "call":
            tasks.placed_gives_unmade(faults.BAD, "exit")
        else:
            faults.gives_unmade.submit(faults.BAD, "exit").result(timeout=20)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_programs_that_a_function_starts_get_signals(warm, number):
    """They end by them, as they would anywhere else; the worker itself goes on."""
    with Session(executor=warm):
        assert tasks.stops_a_program.submit(int(number)).result() == -number


def test_a_worker_goes_on_after_sigint(warm):
    """Ctrl-C is the parent's to answer: what runs in a worker is not interrupted."""
    with Session(executor=warm):
        assert tasks.interrupts_itself.submit().result() == "went on"


EXITS = """
import os, signal, sys, time
sys.path.insert(0, {modules!r})
import remote_tasks as tasks
from pegboard import Session
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
try:
    with Session(executor="processes"):
        tasks.sleeps.{way}
finally:
    print("ended", flush=True)
"""


@pytest.mark.parametrize(
    "way", ["map([60] * 4, [{log!r}] * 4)", "submit(60, {log!r}).result()"], ids=["map", "submit"]
)
def test_an_exit_by_sigterm_goes_on(tmp_path, way, is_gone):
    """SystemExit of a signal handler ends the program with its code, and the workers with it."""
    log = tmp_path / "pid"
    code = EXITS.format(modules=MODULES, way=way.format(log=str(log)))
    program = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    until = time.monotonic() + 20
    while not (log.exists() and log.read_text()) and time.monotonic() < until:
        time.sleep(0.01)
    program.send_signal(signal.SIGTERM)
    if way.startswith("submit"):  # the session waits for what was submitted
        os.kill(int(log.read_text()), signal.SIGKILL)
    output, _ = program.communicate(timeout=30)
    assert (program.returncode, output) == (143, "ended\n")
    assert is_gone(int(log.read_text()))
