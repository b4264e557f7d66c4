"""What `import pegboard` costs in a fresh interpreter, against what it stands on."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys

PROGRAM = """
import time
start = time.process_time()
import pluggy, attrs
ground = time.process_time() - start
import pegboard
print(ground * 1e3, (time.process_time() - start) * 1e3)
"""


def _run() -> tuple[float, ...]:
    """Import once, from compiled files, as an installed package does."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, env=environment
    )
    return tuple(float(word) for word in done.stdout.split())


def report(rounds: int = 15) -> str:
    """Measure in interpreters of their own, and say the medians and their ratio."""
    _run()
    pairs = [_run() for _ in range(rounds)]
    ground = statistics.median(pair[0] for pair in pairs)
    whole = statistics.median(pair[1] for pair in pairs)
    ratio = statistics.median(pair[1] / pair[0] for pair in pairs)
    verdict = "ok" if ratio <= 1.45 else "OVER"
    return (
        f"\nImport, CPU time in a fresh interpreter (median of {rounds})\n"
        f"import pluggy, attrs {ground:.1f} ms; with pegboard {whole:.1f} ms; ratio {ratio:.2f}, goal 1.45 {verdict}"
    )
