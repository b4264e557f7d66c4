"""The front door: the same commands locally and in CI."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

TARGETS = ["demo", "test", "test-slow", "test-pythons", "check", "members", "bench", "docs", "clean"]


@pytest.mark.parametrize("target", TARGETS)
def test_make_alone_lists_the_target(target, root, run_command):
    """`make` shows each target with one line."""
    listed = run_command("make", cwd=root)
    assert sum(line.startswith(f"make {target} ") for line in listed.splitlines()) == 1


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("installer", ["pip", "uv"])
def test_environment_is_installed_once(installer, checkout, uv, run_command):
    """The first target creates .venv with every member; the second run installs nothing."""
    path = path_without_uv() if installer == "pip" else f"{Path(uv).parent}{os.pathsep}{path_without_uv()}"
    first = run_command("make", ".venv/.pegboard-installed", cwd=checkout, path=path)
    second = run_command("make", ".venv/.pegboard-installed", cwd=checkout, path=path)
    imported = run_command(
        checkout / ".venv/bin/python",
        "-c",
        "import pegboard_prometheus as it; print(it.__file__)",
        cwd=checkout,
    )
    assert f"with {'uv' if installer == 'uv' else 'venv and pip'}" in first
    assert "is up to date" in second
    assert imported.startswith(str(checkout))


def path_without_uv():
    """PATH less the folders that hold a uv."""
    folders = os.environ["PATH"].split(os.pathsep)
    return os.pathsep.join(folder for folder in folders if shutil.which("uv", path=folder) is None)
