"""`pegboard doctor`: which settings are in force, and where each comes from."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PLUGIN = """
from pegboard import hookimpl

class Stranger:
    name = "stranger"
    def __init__(self, port: int = 1, title: str = "", live: bool = False, rate: float = 1.0) -> None: ...
    @hookimpl
    def session_start(self): raise SystemExit("started")
"""
CONFIGURATION = """
plugins = ["stranger"]
disable = ["other"]
executor = "inline"
[settings.stranger]
port = 2
rate = 0.5
title = "s3cr3t"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a configuration, and an installed plugin that it names."""
    info = tmp_path / "stranger-2.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 2.0\n")
    (info / "entry_points.txt").write_text("[pegboard.plugins]\nstranger = stranger_module:Stranger\n")
    (tmp_path / "stranger_module.py").write_text(PLUGIN)
    (tmp_path / "pegboard.toml").write_text(CONFIGURATION)
    return tmp_path


def doctor(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command there."""
    program = f"import sys; sys.path.insert(0, {str(folder)!r}); from pegboard_cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, "doctor"],
        cwd=folder,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_tells_what_is_in_force_and_from_where(folder: Path) -> None:
    """Numbers and flags; a text may be a secret. Nothing is made or started."""
    done = doctor(folder, PEGBOARD_STRANGER__PORT="3", PEGBOARD_STRANGER__LIVE="yes", PEGBOARD_PLUGINS="")
    lines = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "")
    assert lines[1:] == [
        f"configuration: {folder / 'pegboard.toml'}",
        "executor: inline",
        "disabled: other",
        "plugins:",
        "  stranger",
        f"    rate = 0.5  from {folder / 'pegboard.toml'}",
        f"    title = ***  from {folder / 'pegboard.toml'}",
        "    live = True  from PEGBOARD_STRANGER__LIVE",
        "    port = 3  from PEGBOARD_STRANGER__PORT",
    ]


def test_without_a_configuration_it_says_so(tmp_path: Path) -> None:
    """Nothing is configured in most folders."""
    done = doctor(tmp_path, PEGBOARD_PLUGINS="", PEGBOARD_DISABLE="")
    assert done.stdout.splitlines()[1:] == [
        "configuration: no file",
        "executor: threads",
        "disabled: nothing",
        "plugins: none",
    ]


def test_a_variable_that_cannot_be_is_a_misuse(folder: Path) -> None:
    """Exit code 2, in a few lines, without its text."""
    done = doctor(folder, PEGBOARD_STRANGER__PORT="s3cr3t")
    assert done.returncode == 2
    assert "PEGBOARD_STRANGER__PORT is not a whole number" in done.stderr
    assert "s3cr3t" not in done.stderr
    assert len(done.stderr.splitlines()) <= 5
