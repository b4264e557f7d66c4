"""`opentelemetry-instrument` traces a program that says nothing of tracing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
from pegboard import Session, task

@task
def work():
    return 1

work()
with Session() as outer:
    work()
    with Session():
        work()
"""


def run(program, tmp_path, **environment):
    """Run a program under `opentelemetry-instrument`, its spans printed; returns how many there were."""
    (tmp_path / "app.py").write_text(program)
    tool = Path(sys.executable).with_name("opentelemetry-instrument")
    exporters = ["--traces_exporter", "console", "--metrics_exporter", "none", "--logs_exporter", "none"]
    done = subprocess.run(
        [tool, *exporters, sys.executable, "app.py"],
        cwd=tmp_path,
        env={"PATH": str(tool.parent), "OTEL_SERVICE_NAME": "app", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.count('"pegboard.task.name": "work"')


@pytest.fixture(scope="module", autouse=True)
def installed():
    """The tool finds what it switches on by the entry point of an installed pegboard-tracing."""
    from importlib.metadata import entry_points

    assert "pegboard" in entry_points(group="opentelemetry_instrumentor").names


def test_every_call_is_traced(tmp_path):
    """Outside of a session, in one, and in one inside of it: one span each."""
    assert run(PROGRAM, tmp_path) == 3


def test_it_can_be_switched_off(tmp_path):
    """By the variable that does so for every instrumentation."""
    assert run(PROGRAM, tmp_path, OTEL_PYTHON_DISABLED_INSTRUMENTATIONS="pegboard") == 0


def test_a_session_with_tracing_keeps_its_own(tmp_path):
    """One span a call, not two."""
    program = PROGRAM.replace("Session()", "Session(Tracing())").replace(
        "import Session", "import Session, Tracing"
    )
    assert run(program, tmp_path) == 3


def test_a_disabled_plugin_stays_out(tmp_path):
    """`PEGBOARD_DISABLE` is stronger."""
    assert run(PROGRAM, tmp_path, PEGBOARD_DISABLE="tracing") == 0
