"""Prefork servers whose application set `PROMETHEUS_MULTIPROC_DIR` for metrics of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

PROGRAM = """
import json, os, sys
from urllib.request import urlopen
from prometheus_client import CollectorRegistry, Counter, generate_latest, multiprocess
from pegboard import Session, task
from pegboard_metrics import Metrics
from pegboard_prometheus import Prometheus

orders = Counter("orders", "The application's own.")

@task
def handle(number):
    orders.inc()
    if number < 0:
        os._exit(0)  # dies in the middle of a call

def worker():
    with Session(Metrics(CollectorRegistry()), endpoint := Prometheus(0), inherit=False):
        for number in range(5):
            handle(number)
        own = urlopen(endpoint.url).read().decode()
        print(json.dumps({"worker": own}), flush=True)
        handle(-1)

with Session(Metrics(), endpoint := Prometheus(0, include_default=True), inherit=False):
    for number in range(3):
        handle(number)
    for _ in range(2):
        child = os.fork()
        if child == 0:
            worker()
        os.waitpid(child, 0)
        multiprocess.mark_process_dead(child)
    page = urlopen(endpoint.url).read().decode()
merged = CollectorRegistry()
multiprocess.MultiProcessCollector(merged)
print(json.dumps({"parent": page, "merged": generate_latest(merged).decode()}))
"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Run a prefork program: what each process served, what the library merges, and the files that are left."""
    folder, elsewhere = tmp_path_factory.mktemp("multiproc"), tmp_path_factory.mktemp("elsewhere")
    environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(folder), "TMPDIR": str(elsewhere)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore:This process:DeprecationWarning", "-c", PROGRAM],
        cwd=elsewhere,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    told = [json.loads(line) for line in done.stdout.splitlines()]
    return {
        "workers": [each["worker"] for each in told if "worker" in each],
        **told[-1],
        "files": sorted(path.name.partition("_")[0] for path in folder.iterdir()),
        "elsewhere": list(elsewhere.iterdir()),
    }


def value(page, name):
    """The sum of a metric, whatever its labels."""
    found = [line for line in page.splitlines() if line.partition("{")[0].partition(" ")[0] == name]
    return sum(float(line.rpartition(" ")[2]) for line in found)


def test_the_applications_own_totals_stay_right(pages):
    """Three calls in the parent and six in each of two workers that died are 15, as the library merges them."""
    assert value(pages["merged"], "orders_total") == 15
    assert pages["files"] == ["counter"] * 3


def test_every_process_serves_its_own_totals_and_no_dead_gauges(pages):
    """3 calls of the parent and 5 of each worker; a call that died with its worker is active nowhere else."""
    assert [value(page, "pegboard_task_duration_seconds_count") for page in pages["workers"]] == [5, 5]
    assert value(pages["parent"], "pegboard_task_duration_seconds_count") == 3
    assert value(pages["parent"], "pegboard_task_active") == 0


def test_no_file_of_ours_is_anywhere(pages):
    """Neither in the folder of the application nor in the working or temporary one; the page has no exemplars."""
    assert pages["elsewhere"] == []
    assert "pegboard" not in pages["merged"]
    assert "trace_id" not in pages["parent"]
