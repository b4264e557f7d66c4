"""A cluster for the tests: a scheduler and two workers, each a process of its own, on loopback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER))  # as on the workers: tasks are found by name


class Cluster:
    """A scheduler and two workers with a nanny each, that starts a worker again when it dies."""

    def __init__(self, folder, options=(), scheme="tcp"):
        self._file = folder / "scheduler.json"
        self._log = (folder / "log").open("wb")
        common = ["--no-dashboard", *options]
        self._processes = [
            self._start("scheduler", "--host", f"{scheme}://127.0.0.1", "--port", "0", *common),
            *(
                self._start(
                    "worker", "--host", "127.0.0.1", "--nthreads", "1", "--death-timeout", "60", *common
                )
                for _ in range(2)
            ),
        ]

    def _start(self, what, *options):
        environment = os.environ | {
            "PYTHONPATH": str(FOLDER),
            "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1",
            "DASK_TEMPORARY_DIRECTORY": str(self._file.parent),
        }
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", "--scheduler-file", str(self._file)]
        return subprocess.Popen(
            [*command, *options],
            env=environment,
            stdout=self._log,
            stderr=self._log,
            cwd=self._file.parent,
            start_new_session=True,
        )

    @property
    def address(self):
        """Wait for the scheduler to say where it is."""
        import json

        for _ in range(600):
            if self._file.exists() and (text := self._file.read_text()):
                return json.loads(text)["address"]
            time.sleep(0.05)
        pytest.fail("no scheduler after 30 s")

    def close(self):
        """End all at once, those that nannies started too; a goodbye would take eight seconds."""
        for process in self._processes:
            os.killpg(process.pid, signal.SIGKILL)
        for process in self._processes:
            process.wait(20)
        self._log.close()


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """Start the cluster, and return the address of its scheduler; both workers are there."""
    from distributed import Client

    started = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        with Client(started.address, timeout=30, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=60)
        yield started.address
    finally:
        started.close()
