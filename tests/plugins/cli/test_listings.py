"""`pegboard plugins`, `pegboard hooks`, `pegboard explain`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pegboard import hookspecs

SPECS = [name for name, spec in vars(hookspecs).items() if getattr(spec, "pegboard_spec", None) is not None]


def test_hooks_lists_every_spec_in_order(pegboard) -> None:
    """Each with its arguments, in the order of a call's life."""
    lines = pegboard("hooks").stdout.splitlines()
    assert [line.partition("(")[0] for line in lines if not line.startswith(" ")] == SPECS
    assert "on_retry(call, attempt, error, delay, ran)" in lines


def test_plugins_lists_what_is_installed_and_imports_none(tmp_path: Path) -> None:
    """A stranger's plugin is listed with its distribution, and its module is not imported."""
    info = tmp_path / "stranger-2.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 2.0\n")
    (info / "entry_points.txt").write_text("[pegboard.plugins]\nstranger = stranger_module:Stranger\n")
    (tmp_path / "stranger_module.py").write_text("raise SystemExit('imported')\n")
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from pegboard_cli import main; main()"
    environment = {"PEGBOARD_DISABLE": "stranger", "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", program, "plugins"],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("stranger")]
    assert line.split() == [
        "stranger",
        "stranger",
        "2.0",
        "stranger_module:Stranger",
        "disabled",
        "by",
        "PEGBOARD_DISABLE",
    ]


def test_explain_tells_what_a_task_does(pegboard) -> None:
    """Without plugins and options there is nothing to tell."""
    assert pegboard("explain", "jobs:double").stdout == "double (function)\n  nothing is attached\n"


def test_explain_of_a_missing_plugin_is_a_misuse(pegboard) -> None:
    """Exit code 2 with the plugin's name."""
    result = pegboard("explain", "--plugin", "absent", "jobs:double")
    assert result.exit_code == 2
    assert "no plugin is called 'absent'" in result.stderr


@pytest.mark.parametrize("command", ["run", "plugins", "hooks", "explain"])
def test_every_command_has_help(pegboard, command: str) -> None:
    """`--help` exits 0 and tells what the command is for."""
    result = pegboard(command, "--help")
    assert result.exit_code == 0
    assert result.stdout.startswith("Usage:")
