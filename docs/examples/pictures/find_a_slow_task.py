"""Makes the picture of "Find a slow task" again: a real run, scraped by a real Prometheus, seen in a real browser.

    python docs/examples/pictures/find_a_slow_task.py docs/tutorials/find-a-slow-task.png

It takes a minute, and needs `prometheus` and `chromium` on PATH (Debian has packages of these names).
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

from pegboard import Metrics, Prometheus, Session, task

QUERY = "histogram_quantile(0.99, sum by (le, pegboard_task_name) (rate(pegboard_task_duration_seconds_bucket[10s])))"
SECONDS = 50
_WAITING = 30


@task
def fetch(number: int) -> int:
    """Fetch an order; one of ten is slow, once the program has run for a while."""
    time.sleep(0.05 if number == 7 and time.monotonic() > _slow_from else 0.001)
    return number


@task
def price(number: int) -> int:
    """Price it."""
    time.sleep(0.0005)
    return number * 10


@task
def handle(number: int) -> int:
    """Fetch and price."""
    return price(fetch(number))


_slow_from = time.monotonic() + SECONDS / 2


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def find(program: str) -> str:
    """Find a program, or end with what to install."""
    found = shutil.which(program)
    if found is None:
        sys.exit(f"{program} is not on PATH; Debian has it as the package of that name")
    return found


@contextmanager
def prometheus(folder: Path, target: int | None) -> Iterator[str]:
    """Run a Prometheus that scrapes a port on loopback every second, and give its address."""
    port = free_port()
    scrape = [{"job_name": "orders", "static_configs": [{"targets": [f"127.0.0.1:{target}"]}]}]
    config = {"global": {"scrape_interval": "1s"}, "scrape_configs": scrape}
    (folder / "prometheus.yml").write_text(json.dumps(config))
    words = [
        "--config.file=prometheus.yml",
        "--storage.tsdb.path=data",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([find("prometheus"), *words], cwd=folder, stdout=log, stderr=log)  # noqa: S603 - its own words
    try:
        wait_for(f"http://127.0.0.1:{port}/-/ready")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(_WAITING)


def wait_for(url: str) -> None:
    """Wait until a page is there."""
    deadline = time.monotonic() + _WAITING
    while True:
        try:
            urllib.request.urlopen(url, timeout=1).close()  # noqa: S310 - on loopback
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return


def photograph(url: str, folder: Path, picture: Path) -> None:
    """Save what a browser shows."""
    words = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--hide-scrollbars",
    ]
    words += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    words += [
        f"--user-data-dir={folder / 'browser'}",
        "--window-size=1280,900",
        "--virtual-time-budget=15000",
    ]
    subprocess.run(  # noqa: S603 - its own words
        [find("chromium"), *words, f"--screenshot={picture.resolve()}", url],
        check=True,
        timeout=120,
        capture_output=True,
    )


def work(until: float) -> None:
    """Handle orders, over and over."""
    while time.monotonic() < until:
        handle.map(range(10))


def main(picture: Path) -> None:
    """Run, wait, look."""
    endpoint = Prometheus(0)
    with (
        tempfile.TemporaryDirectory() as name,
        Session(Metrics(), endpoint, executor="inline"),
        prometheus(Path(name), endpoint.port) as address,
    ):
        work(time.monotonic() + SECONDS)
        shown = {"g0.expr": QUERY, "g0.tab": "0", "g0.range_input": "50s", "g0.step_input": "1"}
        photograph(f"{address}/graph?{urlencode(shown)}", Path(name), picture)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
