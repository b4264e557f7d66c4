"""What a durable step costs, as a ratio to one bare commit through the same library, the two by turns in one run.

The peer is DBOS, where it is installed: `pip install dbos`. Flux needs Python 3.12 or newer, and is measured there where it is
installed: `pip install flux-core`.
"""

from __future__ import annotations

import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    create_engine,
    event,
    insert,
)

from pegboard import Durability, Durable, Session, task
from pegboard_durable import pause

ROUNDS = 1_500
HISTORIES = (100, 1_000, 10_000)
PROCESSES, STEPS = 8, 500
REPLAY = 20
GOALS = {"step": 1.6, "step of a coroutine": 2.2, "step with effect='once'": 3.0}

bare_steps = Table(
    "steps",
    MetaData(),
    Column("run", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    *(Column(name, Text) for name in ("kind", "status", "digest", "enclosing", "fingerprint")),
    Column("value", LargeBinary),
    *(Column(name, Integer) for name in ("attempt", "epoch", "crc")),
    *(Column(name, Float) for name in ("started_at", "duration")),
    sqlite_with_rowid=False,
)


@task(Durable())
def one(x: int) -> int:
    return x


@task(Durable())
async def aone(x: int) -> int:
    return x


@task(Durable(effect="once"))
def once(x: int) -> int:
    return x


@task(Durable(commit_every=50))
def batched(x: int) -> int:
    return x


@contextmanager
def bare_commit(folder: Path) -> Iterator[Callable[[], None]]:
    """Insert a row as wide as a step's, and commit it as safely."""
    engine = create_engine(f"sqlite:///{folder / 'bare.db'}")

    def prepare(connection: Any, _: object) -> None:
        for pragma in ("journal_mode = WAL", "synchronous = FULL"):
            connection.execute(f"PRAGMA {pragma}").close()

    event.listen(engine, "connect", prepare)
    bare_steps.metadata.create_all(engine)
    number, statement = itertools.count(), insert(bare_steps)
    texts = {"kind": "step", "status": "ok", "digest": "d" * 32, "enclosing": "1", "fingerprint": "f" * 32}
    rest = {"value": b"v", "attempt": 1, "epoch": 1, "crc": 1, "started_at": 1.0, "duration": 0.1}
    with engine.connect() as connection:

        def commit() -> None:
            row = {"run": "r", "key": f"one#{next(number)}", **texts, **rest}
            with connection.begin():
                connection.execute(statement, row)

        yield commit


Times = tuple[list[float], list[float]]


@task(Durable())
def by_turns(commit: str, step: str) -> Times:
    steps, commits = [], []
    for number in range(ROUNDS):
        commits.append(_seconds(TOOLS[commit]))
        steps.append(_seconds(lambda number=number: TOOLS[step](number)))  # type: ignore[misc]
    return steps, commits


@task(Durable())
async def by_turns_async(commit: str) -> Times:
    steps, commits = [], []
    for number in range(ROUNDS):
        commits.append(_seconds(TOOLS[commit]))
        begun = time.perf_counter()
        await aone(number)
        steps.append(time.perf_counter() - begun)
    return steps, commits


TOOLS: dict[str, Callable[..., Any]] = {"one": one, "once": once}


def _seconds(function: Callable[[], object]) -> float:
    begun = time.perf_counter()
    function()
    return time.perf_counter() - begun


def steps(folder: Path) -> list[str]:
    """Time steps and commits by turns."""
    lines = [f"{'':40}{'here us':>9}{'commit':>9}{'ratio':>8}{'p99 ms':>9}{'goal':>8}"]
    with bare_commit(folder) as commit, Session(Durability(f"sqlite:///{folder / 'journal.db'}")) as session:
        TOOLS["commit"] = commit
        run = session[Durability].run
        timed = {
            "step": run(by_turns, "commit", "one"),
            "step with effect='once'": run(by_turns, "commit", "once"),
            "step of a coroutine": run(by_turns_async, "commit"),
        }
        for name, each in timed.items():
            lines.append(_compared(name, *each.unwrap()))
    return lines


def _compared(name: str, steps: list[float], commits: list[float]) -> str:
    here, bare = statistics.median(steps) * 1e6, statistics.median(commits) * 1e6
    late, ratio, goal = statistics.quantiles(steps, n=100)[-1] * 1e3, here / bare, GOALS[name]
    verdict = "ok" if ratio <= goal else "OVER"
    return f"{name:40}{here:9.0f}{bare:9.0f}{ratio:8.2f}{late:9.1f}{goal:8.2f} {verdict}"


@task(Durable())
def history(number: int) -> None:
    begun = time.perf_counter()
    for x in range(number):
        one(x)
    TOOK.append((time.perf_counter() - begun) / number * 1e6)
    pause("go on")


TOOK: list[float] = []


def replays(folder: Path) -> list[str]:
    """Time the replay of histories of several lengths."""
    lines, per_step, whole = [], {}, 0.0
    with Session(Durability(f"sqlite:///{folder / 'replay.db'}")) as session:
        durability = session[Durability]
        for number in HISTORIES:
            durability.run(history, number, run_id=f"h{number}")
            TOOK.clear()
            whole = min(_seconds(lambda number=number: durability.resume(f"h{number}")) for _ in range(5))  # type: ignore[misc]
            took = per_step[number] = min(TOOK)
            verdict = "ok" if took <= REPLAY else "OVER"
            lines.append(f"{f'replay of one of {number:,} steps':40}{took:9.1f}{'':26}{REPLAY:8} {verdict}")
    flat = per_step[HISTORIES[-1]] / per_step[HISTORIES[0]]
    lines.append(
        f"{'  of 10,000 against of 100':40}{'':18}{flat:8.2f}{'':9}{1.5:8} {'ok' if flat <= 1.5 else 'OVER'}"
    )
    lines.append(
        f"{'a run of 10,000 steps resumed, s':40}{whole:9.2f}{'':26}{1:8} {'ok' if whole < 1 else 'OVER'}"
    )
    return lines


@task(Durable())
def mapped(name: str) -> float:
    return _seconds(lambda: {"one": one, "batched": batched}[name].map(range(1_000)))


def maps(folder: Path) -> list[str]:
    """Time maps of 1,000 steps."""
    with Session(Durability(f"sqlite:///{folder / 'map.db'}")) as session:
        run = session[Durability].run
        return [
            f"{f'map of 1,000 steps{note}, per step':40}{run(mapped, name).unwrap() * 1e3:9.0f}"
            for name, note in (("one", ""), ("batched", ", commit_every=50"))
        ]


WORKER = """
import sys
from benchmarks.durable import many
from pegboard import Durability, Session
with Session(Durability(sys.argv[1])) as session:
    sys.stdin.read()
    session[Durability].run(many, int(sys.argv[2])).unwrap()
"""


@task(Durable())
def many(number: int) -> int:
    return sum(one(x) for x in range(number))


def processes(folder: Path) -> list[str]:
    """Time processes that share one file."""
    command = [sys.executable, "-c", WORKER, f"sqlite:///{folder / 'shared.db'}", str(STEPS)]
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, cwd=Path(__file__).parent.parent)
        for _ in range(PROCESSES)
    ]
    time.sleep(5)
    begun = time.perf_counter()
    for each in started:
        assert each.stdin is not None
        each.stdin.close()
    failed = sum(each.wait(120) != 0 for each in started)
    took = time.perf_counter() - begun
    verdict = "ok" if took < 10 and not failed else "OVER"
    return [
        f"{f'{PROCESSES} processes of {STEPS} steps: {failed} failed, s':40}{took:9.1f}{'':26}{10:8} {verdict}"
    ]


DBOS = """
import sys, time
from dbos import DBOS, SetWorkflowID
DBOS(config={"name": "bench", "system_database_url": sys.argv[1], "log_level": "CRITICAL", "run_admin_server": False})

@DBOS.step()
def one(x):
    return x

@DBOS.workflow()
def root(n):
    begun = time.perf_counter()
    for x in range(n):
        one(x)
    return (time.perf_counter() - begun) / n * 1e6

DBOS.launch()
with SetWorkflowID("first"):
    root(int(sys.argv[2]))
with SetWorkflowID("second"):
    step = root(int(sys.argv[2]))
replay = DBOS.fork_workflow("first", int(sys.argv[2]) + 1).get_result()
print(step, replay)
DBOS.destroy()
"""

FLUX = """
import sys, time
from flux import task, workflow, ExecutionContext

@task
async def one(x):
    return x

@workflow
async def root(ctx: ExecutionContext):
    begun = time.perf_counter()
    for x in range(ctx.input):
        await one(x)
    return (time.perf_counter() - begun) / ctx.input * 1e6

root.run(10)
print(root.run(int(sys.argv[1])).output, "nan")
"""


def peers(folder: Path) -> list[str]:
    """Time the same steps in other libraries, those that are installed."""
    found = []
    for name, module, program, arguments in (
        ("DBOS", "dbos", DBOS, [f"sqlite:///{folder / 'dbos.db'}", "300"]),
        ("Flux", "flux", FLUX, ["300"]),
    ):
        if find_spec(module) is None:
            found.append(f"{name}: not installed here")
            continue
        command = [sys.executable, "-c", program, *arguments]
        environment = {
            **os.environ,
            "FLUX_HOME": str(folder),
            "FLUX_DATABASE_URL": f"sqlite:///{folder / 'flux.db'}",
        }
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=300, cwd=folder, env=environment
        )
        if done.returncode:
            found.append(f"{name}: failed here: {done.stderr.strip().splitlines()[-1]}")
            continue
        step, replay = done.stdout.split()[-2:]
        found.append(f"{f'{name}: step; replay of one':40}{float(step):9.0f}{float(replay):9.0f}")
    return found


def report() -> str:
    """Measure, and lay it out as text."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        parts = [steps, replays, maps, processes, peers]
        return "\n".join(
            ["\nDurable, SQLite with synchronous=FULL", *(line for part in parts for line in part(folder))]
        )
