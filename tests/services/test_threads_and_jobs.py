"""Jobs end in order however they end, and a notebook's cells are served by what another cell installed."""

from __future__ import annotations

import os
import signal
from collections import Counter

import attrs
import pytest
from jupyter_client.manager import start_new_kernel
from prometheus_client.parser import text_string_to_metric_families

PAGE = "threads-and-jobs.md"
HELD = "(open('held', 'w').close() or time.sleep(60)) if day == 95 else time.sleep(0.01)"
FAILS = {"range(days, 0, -1)": "range(days, -1, -1)"}


@attrs.frozen
class Seen:
    status: int
    ends: Counter[tuple[str, str]]
    in_file: int
    sink: object
    complaints: list[str]


@pytest.fixture
def run_job(write_project, start, open_sink, until):
    """Run the page's job, send it a signal in its sixth call of a hundred, and tell what is known of it then."""

    def run_job(days, change=None, number=None):
        if number is not None:
            change = {"time.sleep(0.01)": HELD}
        project, sink = write_project(PAGE, change), open_sink()
        words = [
            str(days) if word == "3" else word for word in project.command("python nightly.py", serves=False)
        ]
        job = start(project, words, sink, answers=False)
        if number is not None:
            until((project.folder / "held").exists, "the call that goes on")
        status = job.end(number)
        return Seen(status, project.ends(), calls_in(project.folder / "nightly.prom"), sink, job.complaints())

    return run_job


def calls_in(file):
    """How many calls a textfile tells of."""
    families = text_string_to_metric_families(file.read_text()) if file.exists() else ()
    samples = [sample for family in families for sample in family.samples]
    return sum(int(each.value) for each in samples if each.name == "pegboard_task_duration_seconds_count")


def test_a_job_that_ends_well_leaves_everything(run_job):
    """In the file, over OTLP and as lines."""
    job = run_job(3)
    assert job.status == 0
    assert job.ends == {("load", "ok"): 3}
    assert job.in_file == 3
    assert job.sink.tasks() == job.sink.calls() == {"load": 3}
    assert job.complaints == []


def test_a_job_that_fails_leaves_everything(run_job):
    """The call that failed included."""
    job = run_job(3, FAILS)
    assert job.status == 1
    assert job.ends == {("load", "ok"): 3, ("load", "error"): 1}
    assert job.in_file == 4
    assert job.sink.tasks() == job.sink.calls() == {"load": 4}


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGTERM, 143), (signal.SIGINT, -signal.SIGINT)],
    ids=["sigterm", "sigint"],
)
def test_a_job_that_is_told_to_end_leaves_what_it_has_done(run_job, number, status):
    """The call that was cut off is cancelled."""
    job = run_job(100, number=number)
    assert job.status == status
    assert job.ends == {("load", "ok"): 5, ("load", "cancelled"): 1}
    assert job.in_file == 6
    assert job.sink.tasks() == job.sink.calls() == {"load": 6}
    assert job.complaints == [] or number == signal.SIGINT  # whose traceback is Python's


def test_a_job_that_is_killed_leaves_its_lines(run_job):
    """And no half of a file."""
    job = run_job(100, number=signal.SIGKILL)
    assert job.status == -signal.SIGKILL
    assert job.ends == {("load", "ok"): 5}
    assert job.in_file == 0


@pytest.fixture(scope="module")
def notebook(tmp_path_factory):
    """A kernel of IPython, which runs cells and returns what they print."""
    folder = tmp_path_factory.mktemp("notebook")
    environment = os.environ | {"IPYTHONDIR": str(folder), "JUPYTER_RUNTIME_DIR": str(folder)}
    manager, client = start_new_kernel(cwd=folder, env=environment, startup_timeout=60)

    def run(cell):
        printed = []

        def keep(message):
            content = message["content"]
            printed.append(content.get("text", "") + "\n".join(content.get("traceback", ())))

        client.execute_interactive(cell, timeout=60, output_hook=keep)
        return "".join(printed)

    yield run
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def test_a_cell_that_runs_again_begins_anew(notebook, page_blocks):
    """What it installed before is ended; cells after it are served, as are their threads and coroutines."""
    blocks = [
        block.text for block in page_blocks(PAGE) if block.language == "python" and block.saved_as is None
    ]
    threads, install, use = blocks
    assert notebook(threads.split("async def in_executor")[0]) == ""
    for _ in range(2):
        assert notebook(install) == ""
        assert notebook(use) == "10\n"
    assert notebook("import asyncio; await asyncio.to_thread(load, 1)\n" + use.splitlines()[-1]) == "11\n"
    assert "let this one take its place" in notebook("Session().install()")
