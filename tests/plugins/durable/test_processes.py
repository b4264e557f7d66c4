"""Several processes and one journal: who goes on with a run, and who does not."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections import Counter

import pytest
from crashing import effects_in, run_together

HEAD = """
import os, signal, sys, threading, time
from pathlib import Path
from crashing import effect, wait_for_effect
from pegboard import Durability, Durable, Session, install_sigterm, task
from pegboard_durable import Fenced, Status

def durability(**options):
    return Durability(os.environ["JOURNAL"], **options)
"""

MANY = (
    HEAD
    + """
@task(Durable())
def one(x):
    return x

@task(Durable())
def root(n):
    return sum(one(i) for i in range(n))

def main():
    with Session(durability()) as session:
        return session[Durability].run(root, STEPS).unwrap()

def count():
    with Session(durability()) as session:
        runs = session[Durability].runs()
        return len(runs), {str(run.status) for run in runs}, {run.value for run in runs}
"""
)


@pytest.mark.parametrize(
    ("processes", "steps"),
    [pytest.param(3, 30, id="3 of 30"), pytest.param(8, 500, id="8 of 500", marks=pytest.mark.slow)],
)
def test_processes_share_one_file(tmp_path, processes, steps):
    """None fails, and nothing is lost."""
    program = MANY.replace("STEPS", str(steps))
    ended, [counted] = run_together(program, tmp_path, ["main"] * processes, ["count"])
    expected = sum(range(steps))
    assert [each.result for each in ended] == [str(expected)] * processes, ended
    assert counted.result == repr((processes, {"DONE"}, {expected}))


RESUMED = (
    HEAD
    + """
@task(Durable())
def one(x):
    effect(f"{RUN} {x}")
    if os.environ.get("DIE") and x == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.002)
    return x

@task(Durable())
def root():
    return [one(i) for i in range(6)]

def killed():
    os.environ["DIE"] = "yes"
    main()

def main():
    with Session(durability()) as session:
        try:
            run = session[Durability].run(root, run_id=RUN)
        except Fenced:
            return "Fenced"
        return str(run.status), run.value

RUN = os.environ.get("RUN", "run")
"""
)


@pytest.mark.parametrize(
    "rounds", [pytest.param(1, id="1"), pytest.param(20, id="20", marks=pytest.mark.slow)]
)
def test_of_several_that_resume_a_killed_run_one_goes_on(tmp_path, rounds):
    """The others are fenced, or told that it runs or is done; no step runs twice but the one that was killed."""
    for number in range(rounds):
        folder = tmp_path / str(number)
        folder.mkdir()
        [killed], ended = run_together(RESUMED, folder, ["killed"], ["main"] * 4)
        assert killed.code == -9
        results = Counter(each.result for each in ended)
        assert set(results) <= {repr(("DONE", [0, 1, 2, 3, 4, 5])), repr(("RUNNING", None)), "'Fenced'"}, (
            ended
        )
        assert results[repr(("DONE", [0, 1, 2, 3, 4, 5]))] >= 1
        effects = effects_in(folder)
        assert Counter(effects) == Counter({f"run {i}": 1 + (i == 3) for i in range(6)})


FROZEN = (
    HEAD
    + """
@task(Durable())
def one(x):
    effect(f"begin {x}")
    if x == 1 and os.environ.get("STOP"):
        os.kill(os.getpid(), signal.SIGSTOP)
    return x

@task(Durable())
def root():
    try:
        return [one(i) for i in range(3)]
    except Exception:
        return "eaten"

def owner():
    os.environ["STOP"] = "yes"
    with Session(durability(lease=0.3)) as session:
        Path("pid").write_text(str(os.getpid()))
        try:
            return session[Durability].run(root, run_id="r")
        except Fenced as fenced:
            return str(fenced)

def other():
    wait_for_effect("begin 1")
    pid = int(Path("pid").read_text())
    with Session(durability(lease=0.3)) as session:
        durability_ = session[Durability]
        time.sleep(0.4)
        run = durability_.resume("r")
        before = durability_.get("r")
        os.kill(pid, signal.SIGCONT)
        return run.value, before == run

def after():
    with Session(durability()) as session:
        return session[Durability].get("r").value
"""
)


def test_an_owner_that_was_stopped_past_its_lease_is_fenced(tmp_path, monkeypatch):
    """Another one finishes its run; the owner records nothing any more, and has no effects."""
    monkeypatch.chdir(tmp_path)
    [owner, other], [after] = run_together(FROZEN, tmp_path, ["owner", "other"], ["after"])
    assert "was taken over by another process" in owner.result, owner
    assert other.result == repr(([0, 1, 2], True)), other
    assert after.result == "[0, 1, 2]"
    assert effects_in(tmp_path) == ["begin 0", "begin 1", "begin 1", "begin 2"]


DEADLY = (
    HEAD
    + """
@task(Durable())
def root():
    effect("begin")
    os._exit(9)

def main():
    with Session(durability()) as session:
        session[Durability].run(root, run_id="r")

def recover():
    with Session(durability()) as session:
        return [(run.id, str(run.status), run.recoveries) for run in session[Durability].recover()]

def retry():
    with Session(durability()) as session:
        return session[Durability].retry("r")
"""
)


def test_a_run_that_ends_its_process_each_time_is_stuck(tmp_path):
    """After five recoveries, until somebody tries it again."""
    rounds = run_together(DEADLY, tmp_path, ["main"], *[["recover"]] * 6, ["recover"], ["retry"])
    assert [each.code for [each] in rounds] == [9, 9, 9, 9, 9, 9, 0, 0, 9]
    assert [each.result for [each] in rounds[6:8]] == [repr([("r", "STUCK", 5)]), "[]"]
    assert len(effects_in(tmp_path)) == 7


TERMINATED = (
    HEAD
    + """
def strike(where, x):
    if (where, x) == POINT:
        os.kill(os.getpid(), signal.SIGTERM)

POINT = None

@task(Durable())
def one(x):
    strike("before", x)
    effect(f"one {x}")
    strike("after", x)
    return x

@task(Durable())
def root():
    for x in range(3):
        strike("between", x)
        one(x)
    return "done"

def terminated(where, x):
    global POINT
    POINT = where, x
    install_sigterm()
    with Session(durability()) as session:
        return session[Durability].run(root, run_id=f"{where}-{x}")

def main():
    with Session(durability()) as session:
        d = session[Durability]
        return [(run.id, str(run.status), d.resume(run.id).value) for run in d.runs()]

for where in ("before", "after", "between"):
    for x in range(3):
        globals()[f"{where}_{x}"] = lambda where=where, x=x: terminated(where, x)
"""
)


def test_sigterm_lets_the_running_step_end_and_gives_the_run_back(tmp_path):
    """No step begins after it, none runs again, and another process may go on at once."""
    points = [f"{where}_{x}" for where in ("before", "after", "between") for x in range(3)]
    *ended, [resumed] = run_together(TERMINATED, tmp_path, *([each] for each in points), ["main"])
    assert [each.code for [each] in ended] == [143] * len(points), ended
    assert resumed.result == repr([(each.replace("_", "-"), "PENDING", "done") for each in points])
    assert Counter(effects_in(tmp_path)) == Counter({f"one {x}": len(points) for x in range(3)})


SIGNALLED = (
    HEAD
    + """
import asyncio

@task(Durable())
async def one(x):
    effect(f"begin {x}")
    if x == 1 and SIGNAL:
        os.kill(os.getpid(), SIGNAL)
        await asyncio.sleep(0.05)
    effect(f"end {x}")
    return x

@task(Durable())
async def root():
    return [await one(x) for x in range(3)]

SIGNAL = None

async def run():
    async with Session(durability()) as session:
        return (await session[Durability].arun(root, run_id="r")).value

def terminated():
    global SIGNAL
    SIGNAL = signal.SIGTERM
    install_sigterm()
    return asyncio.run(run())

def interrupted():
    global SIGNAL
    SIGNAL = signal.SIGINT
    try:
        asyncio.run(run())
    except KeyboardInterrupt:
        return "interrupted"

def main():
    with Session(durability()) as session:
        before = str(session[Durability].get("r").status)
        return before, session[Durability].resume("r").value
"""
)


def test_sigterm_lets_the_running_step_of_a_coroutine_end(tmp_path):
    """Its outcome is recorded, and the run given back."""
    [terminated], [resumed] = run_together(SIGNALLED, tmp_path, ["terminated"], ["main"])
    assert terminated.code == 143, terminated
    assert resumed.result == repr(("PENDING", [0, 1, 2])), resumed
    assert effects_in(tmp_path) == [f"{what} {x}" for x in range(3) for what in ("begin", "end")]


def test_a_ctrl_c_gives_the_run_of_a_coroutine_back(tmp_path):
    """The step that it struck runs again."""
    [interrupted], [resumed] = run_together(SIGNALLED, tmp_path, ["interrupted"], ["main"])
    assert interrupted.result == "'interrupted'", interrupted
    assert resumed.result == repr(("PENDING", [0, 1, 2])), resumed
    assert effects_in(tmp_path) == ["begin 0", "end 0", "begin 1", "begin 1", "end 1", "begin 2", "end 2"]


FORKED = (
    HEAD
    + """
from pegboard_durable import pause

@task(Durable())
def one(x):
    effect(f"one {x}")
    return x

@task(Durable())
def root():
    one(1)
    child = os.fork()
    if not child:
        try:
            one(2)
        except Fenced:
            effect("child is fenced")
            os._exit(3)
        os._exit(4)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), one(2)

@task(Durable())
def other():
    return one(3)

def main():
    with Session(durability()) as session:
        return session[Durability].run(root, run_id="r").unwrap()

def forks_between():
    with Session(durability()) as session:
        d = session[Durability]
        d.run(other, run_id="mine").unwrap()
        child = os.fork()
        if not child:
            value = d.run(other, run_id="child").unwrap()
            os._exit(10 + value)
        _, status = os.waitpid(child, 0)
        run = d.run(other, run_id="mine-2").unwrap()
        return os.waitstatus_to_exitcode(status), run, sorted(run.id for run in d.runs("DONE"))
"""
)


def test_a_forked_child_owns_no_run(tmp_path):
    """Its next step raises Fenced, and its parent goes on."""
    [[ended]] = run_together(FORKED, tmp_path, ["main"])
    assert ended.result == repr((3, 2)), ended
    assert effects_in(tmp_path) == ["one 1", "child is fenced", "one 2"]


def test_a_forked_child_opens_the_journal_anew(tmp_path):
    """It may begin runs of its own, as its parent may."""
    [[ended]] = run_together(FORKED, tmp_path, ["forks_between"])
    assert ended.result == repr((13, 3, ["child", "mine", "mine-2"])), ended


NAMESPACES = (
    HEAD
    + """
@task(Durable())
def one(x):
    effect(f"one {x}")
    time.sleep(0.05)
    return x

@task(Durable())
def root():
    wait_for_effect("other is here")
    return [one(i) for i in range(8)]

def main():
    name = "owner" if os.environ["NAME"] == "1" else "other"
    with Session(durability()) as session:
        if name == "owner":
            return os.getpid() < 20, session[Durability].run(root, run_id="r").value
        while True:
            try:
                session[Durability].get("r")
                break
            except LookupError:
                time.sleep(0.01)
        found = str(session[Durability].resume("r").status)
        effect("other is here")
        return os.getpid() < 20, found, [run.id for run in session[Durability].recover()]
"""
)


@pytest.mark.slow
def test_an_owner_in_another_pid_namespace_is_not_taken_for_dead(tmp_path):
    """Two containers of one machine have the same boot id, and both a process 1."""
    unshare = ["unshare", "--pid", "--fork", "--mount-proc"]
    assert shutil.which("unshare"), "unshare is of Debian's package util-linux"
    if subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode:
        pytest.skip("namespaces may not be made here")
    runner = tmp_path / "runner.py"
    runner.write_text(
        "import sys; sys.path.insert(0, sys.argv[1]); from crashing import _point_at, importlib, Path\n"
        "_point_at(Path(sys.argv[2])); sys.path.insert(0, sys.argv[2])\n"
        "print(importlib.import_module('program').main())"
    )
    (tmp_path / "program.py").write_text(NAMESPACES)
    here = str(__file__).rpartition("/")[0]
    command = [*unshare, sys.executable, str(runner), here, str(tmp_path)]
    both = []
    for name in ("1", "2"):
        environment = {"NAME": name, "PATH": "/usr/bin"}
        both.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment))
        time.sleep(0.1)  # so that both are process 1, and began at different times
    owner, other = (each.communicate(timeout=60)[0].strip() for each in both)
    assert owner == repr((True, list(range(8))))
    assert other == repr((True, "RUNNING", []))
    assert Counter(effects_in(tmp_path)) == Counter(["other is here", *(f"one {i}" for i in range(8))])
