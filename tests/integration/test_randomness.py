"""What a program draws at random is its own: no member draws from the generators of the process, or seeds them."""

from __future__ import annotations

import io
import logging
import os
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner

import pegboard
from pegboard import Session, task
from pegboard._first_party import MEMBERS
from pegboard.testing import FakeClock
from pegboard_cli._main import main
from pegboard_dashboards import dashboards


def double(x: int) -> int:
    return 2 * x


def run(*plugins, options=(), executor="threads"):
    """Tasks in a session: called, mapped, streamed, submitted, retried, logged; one map has too many items for spans."""
    done = task(*options, name="double")(double)
    with Session(*plugins, FakeClock(0.0), executor=executor, inherit=False) as session:
        done(1)
        done.map(range(3))
        done.submit(4).result()
        done.run(None)
        logging.getLogger("shop").warning("sold")
    return session


def traced(*more):
    return pegboard.Tracing(span_budget=2), pegboard.Metrics(), *more


def queue():
    with Session(inherit=False), pegboard.TaskManager() as manager:
        manager.submit(task(double), (1,)).wait()


def schedule():
    with Session(pegboard.Scheduling(), FakeClock(0.0), executor="inline", inherit=False) as session:
        session[pegboard.Scheduling].add(task(lambda: 1), pegboard.Every(60, jitter=30))
        session[pegboard.Scheduling].run_pending()


def flow():
    with Session(inherit=False):
        graph = (
            pegboard.Graph("graph").add_node("one", task(double)).add_node("two", task(name="two")(double))
        )
        assert graph.add_edge("one", "two").start_with("one").end_with("two")(1) == 4


def compose():
    with Session(inherit=False):
        assert pegboard.pipeline(task(double), task(name="two")(double), input=1) == 4


def durable(folder):
    done = task(pegboard.Durable())(double)
    with Session(pegboard.Durability(f"sqlite:///{folder}/journal.db"), inherit=False) as session:
        assert session[pegboard.Durability].run(done, 1).value == 2


USES = {
    "cache": lambda folder: run(pegboard.Caching(folder), options=[pegboard.Cache()]),
    "cli": lambda folder: CliRunner().invoke(main, ["plugins"], catch_exceptions=False),
    "compose": lambda folder: compose(),
    "console": lambda folder: run(pegboard.Console(file=io.StringIO(), force=True)),
    "dashboards": lambda folder: dashboards(),
    "dask": lambda folder: run(pegboard.Dask(workers=1), executor="dask"),
    "datasets": lambda folder: run(pegboard.Datasets(folder), options=[pegboard.Dataset("a/{x}.json")]),
    "durable": durable,
    "flow": lambda folder: flow(),
    "jsonlines": lambda folder: run(pegboard.JSONLines(folder / "calls.jsonl")),
    "limits": lambda folder: run(
        options=[pegboard.Breaker(), pegboard.RateLimit("9/s"), pegboard.Concurrency(2)]
    ),
    "logs": lambda folder: run(pegboard.Logs()),
    "metrics": lambda folder: run(pegboard.Metrics()),
    "otlp": lambda folder: run(*traced(pegboard.OTLP("http://127.0.0.1:9", logs=True, flush_timeout=0.1))),
    "processes": lambda folder: run(*traced(pegboard.Processes(1)), executor="processes"),
    "progress": lambda folder: run(pegboard.Progress(io.StringIO(), live=True, after=0)),
    "prometheus": lambda folder: run(*traced(pegboard.Prometheus(port=0))),
    "queue": lambda folder: queue(),
    "recover": lambda folder: run(options=[pegboard.Fallback(0)]),
    "resources": lambda folder: run(pegboard.Metrics(), pegboard.Resources()),
    "retry": lambda folder: run(options=[pegboard.Retry(3, wait=pegboard.Backoff())]),
    "schedule": lambda folder: schedule(),
    "secrets": lambda folder: run(pegboard.Secrets({"KEY": "canary"})),
    "timeout": lambda folder: run(options=[pegboard.Timeout(60)]),
    "tracing": lambda folder: run(*traced(pegboard.Console(file=io.StringIO(), force=True))),
    "validate": lambda folder: run(options=[pegboard.Validate()]),
}


def test_every_member_is_used():
    """A new one has a line above."""
    assert set(USES) == set(MEMBERS)


PROGRAM = """
import random, sys
from pathlib import Path
random.seed(7)
import numpy as np
np.random.seed(7)
from tests.integration.test_randomness import USES

def state():
    return random.getstate(), np.random.get_state()[1].tolist()

before = state()
for member in sys.argv[2:]:
    USES[member](Path(sys.argv[1]))
    if state() != before:
        print(member)
        before = state()
"""


def test_a_program_that_uses_every_member_draws_what_it_would_without(tmp_path):
    """From `random` and from NumPy's global generator: nothing of ours draws there, while it is imported, works or ends."""
    members = set(USES) - {"dask"}  # its scheduler, in this process, draws itself
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path), *sorted(members)],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    assert done.stdout.split() == []
