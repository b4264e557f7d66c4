"""The programs in docs/examples run on small input; what they print is looked at in tests/integration."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ARGUMENTS = {
    "durable_import.py": ["source"],
    "engine_costs.py": ["--share", "0.01"],
    "stdlib_survey.py": ["source"],
}
SAYS = {
    "durable_import.py": "1 of 1 files",
    "engine_costs.py": "dask, each alone",
    "stdlib_survey.py": "1 files",
}


def test_every_example_is_run_here(root: Path) -> None:
    """Whoever adds an example says with what arguments it runs on small input."""
    assert {path.name for path in (root / "docs" / "examples").glob("*.py")} == set(ARGUMENTS)


@pytest.mark.parametrize("example", ARGUMENTS)
def test_example_ends_well(root: Path, tmp_path: Path, example: str) -> None:
    """It ends with status 0, warnings being errors, and leaves nothing that could not be closed."""
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "good.py").write_text("import os\n")
    done = subprocess.run(
        [sys.executable, root / "docs" / "examples" / example, *ARGUMENTS[example]],
        cwd=tmp_path,
        env=os.environ | {"PYTHONWARNINGS": "error"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "Exception ignored" not in done.stderr
    assert SAYS[example] in done.stdout
