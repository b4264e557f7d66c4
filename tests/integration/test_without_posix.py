"""What works where the system is not POSIX: all but worker processes and locks of files, which say so."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = r"""
import importlib.abc, os, signal, sys, warnings

def take_away(module, names):
    for name in names.split():
        if hasattr(module, name):
            delattr(module, name)

take_away(os, "fork forkpty register_at_fork getuid geteuid getgid fchmod O_NOFOLLOW O_CLOEXEC O_NONBLOCK "
    "sched_getaffinity killpg getpgid setsid posix_spawn mkfifo fchown chown memfd_create pidfd_open")
take_away(signal, "SIGKILL SIGUSR1 SIGUSR2 SIGHUP SIGALRM SIGCHLD SIGQUIT pthread_sigmask setitimer")
GONE = ("fcntl", "resource", "pwd", "grp", "termios", "tty")

class Block(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name in GONE:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

for name in GONE:
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Block())
warnings.simplefilter("ignore")

import pegboard
from pegboard import Cache, Caching, Concurrency, Graph, Prometheus, Retry, Session, TaskManager, Timeout, task

@task
def f(x):
    return x

def use(*plugins, options=(), **settings):
    def go():
        made = [getattr(pegboard, each)() if isinstance(each, str) else each() for each in plugins]
        with Session(*made, inherit=False, **settings):
            assert f.with_options(*options).map([1, 2]) == [1, 2]
    return go

def queue():
    with Session(), TaskManager() as manager:
        assert manager.submit(f, (1,)) is not None

def lines():
    with Session(pegboard.JSONLines("calls.jsonl")):
        f(1)
    assert open("calls.jsonl").read()

def textfile():
    from pegboard_prometheus import Textfile
    with Session(pegboard.Metrics(), Textfile("out.prom")):
        f(1)
    assert open("out.prom").read()

def end():
    pegboard.install_sigterm(grace=5)

def installed():
    with Session(pegboard.Metrics()).install() as session:
        f(1)
        assert session[pegboard.Metrics].stats(f).calls == 1

CHECKS = {
    "threads": use(),
    **{name: use(name) for name in "Retrying Timeouts Recovery Secrets Caching Validation Limits Scheduling Queue "
       "Metrics Logs Progress Console Resources".split()},
    "installed": installed,
    "install_sigterm": end,
    "a folder as cache": use(lambda: Caching("c")),
    "a folder of datasets": use(lambda: pegboard.Datasets("d")),
    "lines of JSON": lines,
    "a scrape endpoint": use("Metrics", lambda: Prometheus(0)),
    "a textfile": textfile,
    "spans": use("Tracing", lambda: pegboard.OTLP("http://127.0.0.1:9", flush_timeout=0.1)),
    "a schedule that is kept": use(lambda: pegboard.Scheduling(path="s.db")),
    "a time limit": use(options=[Timeout(5)]),
    "retries and slots": use(options=[Retry(1), Concurrency(2)]),
    "a queue": queue,
    "locks in a folder": use(lambda: Caching("c2"), options=[Cache(lock=True)]),
    "processes by name": use(executor="processes"),
    "processes": lambda: pegboard.Processes(1),
    "processes by fork": lambda: pegboard.Processes(1, start_method="fork"),
}
for what, check in CHECKS.items():
    try:
        check()
        print(f"{what}: ok")
    except Exception as error:
        print(f"{what}: {type(error).__name__}: {str(error).splitlines()[0]}")
"""
REFUSED = ("locks in a folder", "processes by name", "processes", "processes by fork")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What a program says of each part where everything of POSIX is taken away."""
    folder: Path = tmp_path_factory.mktemp("without-posix")
    program = folder / "program.py"
    program.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, str(program)], cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return dict(line.split(": ", 1) for line in done.stdout.splitlines() if ": " in line)


def test_all_but_processes_works_without_posix(found: dict[str, str]) -> None:
    """Psutil apart, which needs POSIX itself where Python says that it is there."""
    wrong = {
        what: said for what, said in found.items() if said != "ok" and what not in (*REFUSED, "Resources")
    }
    assert len(found) > len(REFUSED) + 20
    assert not wrong


@pytest.mark.parametrize("what", REFUSED)
def test_what_needs_posix_says_so(found: dict[str, str], what: str) -> None:
    """With a ConfigError, which names the task where it is about one, and not with whatever is missing first."""
    assert "ConfigError: " in found[what]


def test_psutil_that_cannot_be_imported_is_named_with_its_reason(found: dict[str, str]) -> None:
    """So that nobody installs what is there already."""
    assert found["Resources"].startswith("PsutilMissing: ")
    assert "No module named" in found["Resources"]
