"""Many scrapers of a large page."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

SERIES, SCRAPERS = 100_000, 40
SERVER = """
import sys
from prometheus_client import CollectorRegistry, Gauge
from pegboard import Metrics, Prometheus, Session, task

@task
def work(): pass

def peak():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) // 1024 for line in file if line.startswith("VmHWM"))

registry = CollectorRegistry()
gauge = Gauge("series", "Many.", ["customer", "region"], registry=registry)
for number in range(int(sys.argv[1])):
    gauge.labels(f"customer-{number}", "eu-central-1").set(number)
with Session(Metrics(registry), prometheus := Prometheus(0)):
    print(prometheus.port, flush=True)
    sys.stdin.readline()
    print(peak(), flush=True)
"""
CLIENTS = """
import json, socket, sys, threading
port, number = int(sys.argv[1]), int(sys.argv[2])
KINDS = ["Accept: text/plain", "Accept: application/openmetrics-text", "Accept-Encoding: gzip"]
told = []

def scrape(kind):
    with socket.create_connection(("127.0.0.1", port), 60) as client:
        client.sendall(f"GET /metrics HTTP/1.1\\r\\nHost: localhost\\r\\n{kind}\\r\\n\\r\\n".encode())
        head, _, body = client.makefile("rb").read().partition(b"\\r\\n\\r\\n")
        told.append([int(head.split()[1]), f"Content-Length: {len(body)}" in head.decode()])

for _ in range(2):
    threads = [threading.Thread(target=scrape, args=(KINDS[i % 3],)) for i in range(number)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
print(json.dumps(told))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_forty_scrapers_of_100_000_series_stay_below_400_mb():
    """Each gets a whole page, in the format that it takes; the process has each of them once."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, str(SERIES)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        port = server.stdout.readline().strip()
        clients = subprocess.run(
            [sys.executable, "-c", CLIENTS, port, str(SCRAPERS)],
            capture_output=True,
            text=True,
            check=True,
            timeout=200,
        )
        peak, _ = server.communicate("\n", timeout=30)
    assert json.loads(clients.stdout) == [[200, True]] * (2 * SCRAPERS)
    assert int(peak) < 400
