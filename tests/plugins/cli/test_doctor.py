"""`pegboard doctor`: which settings are in force, and where each comes from."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PLUGIN = """
from typing import Literal
from pegboard import hookimpl

class Stranger:
    name = "stranger"
    falls_back_on = {"url": ("STRANGER_URL", "ANY_URL"), "port": ("STRANGER_PORT",)}
    @classmethod
    def doctor_warnings(cls): return ["its library is old"]
    def __init__(
        self, port: int = 1, title: str = "", live: bool = False, rate: float = 1.0, level: Literal["low", "high"] = "low",
        url: str | None = None, hosts: list[str] | None = None, client: object = None, deep: str = "s3cr3t",
    ) -> None: ...
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
    (info / "entry_points.txt").write_text(
        "[pegboard.plugins]\nstranger = stranger_module:Stranger\nfriend = friend_module:Friend\n"
    )
    (tmp_path / "stranger_module.py").write_text(PLUGIN)
    (tmp_path / "pegboard.toml").write_text(CONFIGURATION)
    return tmp_path


def doctor(folder: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command there."""
    program = f"import sys; sys.path.insert(0, {str(folder)!r}); from pegboard_cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, "doctor", *words],
        cwd=folder,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_tells_what_is_in_force_and_from_where(folder: Path) -> None:
    """Numbers, flags and choices; any other text may be a secret. Nothing is made or started."""
    file = folder / "pegboard.toml"
    done = doctor(
        folder,
        PEGBOARD_STRANGER__PORT="3",
        PEGBOARD_STRANGER__LIVE="yes",
        PEGBOARD_STRANGER__LEVEL="high",
        PEGBOARD_STRANGER__HOSTS="s3cr3t",
        ANY_URL="http://user:s3cr3t@host",
        STRANGER_PORT="9",
        PEGBOARD_PLUGINS="",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1:] == [
        f"configuration: {file}",
        f"executor = inline  from {file}",
        "strict = False  by default",
        "strict_plugins = False  by default",
        f"disable = other  from {file}",
        "plugins:",
        f"  stranger  from {file}",
        "    port = 3  from PEGBOARD_STRANGER__PORT",
        f"    title = ***  from {file}",
        "    live = True  from PEGBOARD_STRANGER__LIVE",
        f"    rate = 0.5  from {file}",
        "    level = high  from PEGBOARD_STRANGER__LEVEL",
        "    url = ***  from ANY_URL",
        "    hosts = ***  from PEGBOARD_STRANGER__HOSTS",
        "    deep = ***  by default",
        "    warning: its library is old",
    ]


def test_it_tells_programs_in_json(folder: Path) -> None:
    """The same, as one object."""
    done = doctor(
        folder, "--json", PEGBOARD_STRANGER__PORT="3", PEGBOARD_PLUGINS="", PEGBOARD_STRAGNER__PORT="1"
    )
    told = json.loads(done.stdout)
    (plugin,) = told["plugins"]
    assert (told["configuration"], plugin["name"], plugin["problem"]) == (
        str(folder / "pegboard.toml"),
        "stranger",
        None,
    )
    assert plugin["settings"][0] == {"keyword": "port", "value": 3, "from": "PEGBOARD_STRANGER__PORT"}
    assert plugin["warnings"] == ["its library is old"]
    assert told["settings"][0] == {"keyword": "executor", "value": "inline", "from": plugin["from"]}
    assert told["unused"] == ["PEGBOARD_STRAGNER__PORT"]
    assert "s3cr3t" not in done.stdout


def test_a_plugin_that_only_a_program_attaches_is_told_of(tmp_path: Path, folder: Path) -> None:
    """By its variables, and what they cannot do; a program without it does not mind."""
    (folder / "pegboard.toml").write_text("")
    told = doctor(folder, PEGBOARD_PLUGINS="", PEGBOARD_STRANGER__PORT="3").stdout
    assert (
        "plugins: none\nplugins, where a program attaches them by name or by an option:\n  stranger\n" in told
    )
    assert "    port = 3  from PEGBOARD_STRANGER__PORT\n" in told
    done = doctor(folder, PEGBOARD_PLUGINS="", PEGBOARD_STRANGER__PROT="3")
    assert "    cannot be made: PEGBOARD_STRANGER__PROT: 'stranger' has no such parameter." in done.stdout
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ("import absent_library", "ModuleNotFoundError: No module named 'absent_library'"),
        ("raise RuntimeError('s3cr3t')", "RuntimeError"),
    ],
)
def test_a_plugin_that_cannot_be_imported_is_told_of(folder: Path, module: str, said: str) -> None:
    """The others are, too."""
    (folder / "friend_module.py").write_text(
        PLUGIN.replace("stranger", "friend").replace("Stranger", "Friend")
    )
    (folder / "stranger_module.py").write_text(module)
    (folder / "pegboard.toml").write_text("plugins = ['friend', 'stranger']")
    done = doctor(folder, PEGBOARD_PLUGINS="")
    assert done.returncode == 2
    assert done.stderr == f"Error: stranger cannot be imported: {said}\n"
    assert f"  friend  from {folder / 'pegboard.toml'}\n    port = 1  by default\n" in done.stdout


def test_a_variable_of_no_plugin_is_told_of(folder: Path) -> None:
    """It may be misspelt; one underscore is somebody else's."""
    done = doctor(folder, PEGBOARD_STRAGNER__PORT="3", PEGBOARD_STRANGER_PORT="tcp://10.0.0.1:80")
    assert done.stdout.splitlines()[-1].startswith("PEGBOARD_STRAGNER__PORT sets nothing")
    assert "PEGBOARD_STRANGER_PORT" not in done.stdout


def test_what_names_the_file_and_the_plugins_is_told(folder: Path, tmp_path: Path) -> None:
    """Variables as well."""
    (tmp_path / "other.toml").write_text("")
    told = doctor(
        folder, PEGBOARD_CONFIG="other.toml", PEGBOARD_PLUGINS="stranger", PEGBOARD_DISABLE="x"
    ).stdout
    assert "configuration: other.toml  from PEGBOARD_CONFIG\n" in told
    assert "  stranger  from PEGBOARD_PLUGINS\n" in told
    assert "disable = x  from PEGBOARD_DISABLE\n" in told


def test_without_a_configuration_it_says_so(tmp_path: Path) -> None:
    """Nothing is configured in most folders."""
    done = doctor(tmp_path, PEGBOARD_PLUGINS="", PEGBOARD_DISABLE="")
    assert done.stdout.splitlines()[1:] == [
        "configuration: no file",
        "executor = threads  by default",
        "strict = False  by default",
        "strict_plugins = False  by default",
        "plugins: none",
    ]


@pytest.mark.parametrize(
    ("configuration", "said"),
    [
        ("plugins = ['absent-one']", "no plugin is called 'absent-one'"),
        ("[settings.stranger]\nport = 1", "plugins does not list it"),
        ("plugins = ['stranger']\n[settings.stranger]\nprot = 1", "Did you mean 'port'"),
        ("plugins = 3", "plugins is a list of names"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_a_misuse(folder: Path, configuration: str, said: str) -> None:
    """As it would be for a session."""
    (folder / "pegboard.toml").write_text(configuration)
    done = doctor(folder, PEGBOARD_PLUGINS="")
    assert done.returncode == 2
    assert said in done.stderr


def test_a_variable_that_cannot_be_is_a_misuse(folder: Path) -> None:
    """Exit code 2, in a few lines, without its text."""
    done = doctor(folder, PEGBOARD_STRANGER__PORT="s3cr3t")
    assert done.returncode == 2
    assert "PEGBOARD_STRANGER__PORT is not a whole number" in done.stderr
    assert "s3cr3t" not in done.stderr
    assert len(done.stderr.splitlines()) <= 5
