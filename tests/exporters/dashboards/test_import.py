"""What comes along with an import."""

from __future__ import annotations

import subprocess
import sys


def test_importing_it_loads_neither_prometheus_client_nor_the_scrape_exporter():
    """The table of names is all it needs."""
    code = "import sys, pegboard_dashboards as it; it.dashboards(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "pegboard_metrics.names" in loaded
    assert not loaded & {"prometheus_client", "pegboard_prometheus", "click"}
