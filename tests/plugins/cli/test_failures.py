"""How commands end that do not end well."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

COMMANDS = (("run", "jobs:nothing"), ("explain", "jobs:double"), ("plugins",), ("hooks",))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('plugin = ["retry"]', "unknown setting 'plugin'. Did you mean 'plugins'?"),
        ("plugins = [", "is no valid TOML"),
        ('plugins = "x"', "plugins is a list of names"),
        ('plugins = ["surely-absent"]', "pegboard.toml: no plugin is called 'surely-absent'."),
        ("[settings.absent]\nx = 1", "there are settings for 'absent'"),
        ("\x00", "is no valid TOML"),
        ("executor = 3", "executor is a str, not 3"),
    ],
)
def test_a_wrong_configuration_is_a_misuse_of_every_command(pegboard, content: str, message: str) -> None:
    """Four lines, exit code 2, no traceback, whether or not the command needs it; help is given all the same."""
    Path("pegboard.toml").write_text(content)
    for command in COMMANDS:
        result = pegboard(*command)
        assert (result.exit_code, len(result.stderr.splitlines()), result.stdout) == (2, 4, "")
        assert message in result.stderr
        assert "Traceback" not in result.stderr
    assert pegboard("run", "--help").exit_code == 0


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("PEGBOARD_PLUGINS", "retri", "PEGBOARD_PLUGINS: no plugin is called 'retri'. Did you mean 'retry'?"),
        ("PEGBOARD_DISABLE", "retri", "names 'retri', and no plugin is called that. Did you mean 'retry'?"),
    ],
)
def test_a_wrong_variable_is_a_misuse_of_every_command(
    pegboard, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, message: str
) -> None:
    """As a wrong file is."""
    monkeypatch.setenv(variable, value)
    for command in COMMANDS:
        result = pegboard(*command)
        assert (result.exit_code, len(result.stderr.splitlines())) == (2, 4)
        assert message in result.stderr


def test_a_plugin_of_ones_own_may_be_disabled_where_it_is_not(
    pegboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One variable serves machines with different plugins; only what nearly is another's name is taken for a mistake."""
    monkeypatch.setenv("PEGBOARD_DISABLE", "our-accounting")
    assert pegboard("run", "jobs:double", "2").stdout == "4\n"


ENDS = """
import asyncio, sys
import click
from pegboard import task

@task
def leaves(): sys.exit(3)
@task
async def cancelled(): raise asyncio.CancelledError("given up")
@task
def clicks(): raise click.UsageError("mine")
@task
def several(): raise ExceptionGroup("both", [ValueError("one"), KeyError("two")])
@task
def odd(): raise ValueError("a\\udcff\\x1b[31mred")
@task
def odd_value(): return "a\\udcff"
@task
def not_json(): return [float("nan")]
"""


@pytest.mark.parametrize(
    ("task", "code", "told"),
    [
        ("leaves", 3, []),
        ("cancelled", 1, ["asyncio.exceptions.CancelledError: given up"]),
        ("clicks", 1, ["click.exceptions.UsageError: mine"]),
        ("several", 1, ["ExceptionGroup: both (2 sub-exceptions)", "  ValueError: one", "  KeyError: 'two'"]),
        ("odd", 1, ["ValueError: a\\udcff\\x1b[31mred"]),
    ],
)
def test_whatever_a_task_raises_is_told_in_lines(pegboard, task: str, code: int, told: list[str]) -> None:
    """Exit code 1 for a failure, its own for an exit; never a traceback, never a byte that steers the terminal."""
    Path("ends.py").write_text(ENDS)
    result = pegboard("run", f"ends:{task}")
    lines = [line for line in result.stderr.splitlines() if not line.startswith("in task")]
    assert (result.exit_code, lines) == (code, told)


def test_what_a_stream_cannot_hold_is_escaped(pegboard) -> None:
    """Halves of surrogate pairs; and what JSON has no word for is no JSON."""
    Path("ends.py").write_text(ENDS)
    assert pegboard("run", "ends:odd_value").stdout == "a\\udcff\n"
    assert pegboard("run", "ends:not_json").stdout == "[nan]\n"


def test_a_failing_end_of_the_session_is_told(pegboard) -> None:
    """Of the default session too: not by a traceback at exit, and with exit code 1."""
    Path("ending.py").write_text(
        "from pegboard import current_call, hookimpl, task\n"
        "class Ending:\n    name = 'ending'\n    @hookimpl\n    def session_end(self): raise OSError('no disk')\n"
        "@task\ndef work():\n    current_call().session.register(Ending())\n    return 1\n"
    )
    Path("pegboard.toml").write_text("strict = true\n")
    result = pegboard("run", "ending:work")
    assert (result.exit_code, result.stdout) == (1, "1\n")
    assert "OSError: no disk" in result.stderr


def _run(tmp_path: Path, *words: str, **streams: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", "from pegboard_cli import main; main()", *words]
    return subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, **streams)  # type: ignore[call-overload]


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_ctrl_c_is_one_line_and_130(tmp_path: Path, kind: str) -> None:
    """A real signal, while a task waits."""
    waits = {
        "sync": "def f():\n    print('began', flush=True)\n    threading.Event().wait(60)\n",
        "async": "async def f():\n    print('began', flush=True)\n    await asyncio.sleep(60)\n",
    }
    (tmp_path / "waits.py").write_text(
        f"import asyncio, threading\nfrom pegboard import task\n@task\n{waits[kind]}"
    )
    with _run(tmp_path, "run", "waits:f", stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"began\n"
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == b"interrupted\n"
    assert process.returncode == 130


@pytest.mark.parametrize(
    "words", [("run", "prints:f", "100000"), ("run", "prints:f", "3"), ("hooks",)], ids=str
)
def test_whatever_is_printed_may_lose_its_reader(tmp_path: Path, words: tuple[str, ...]) -> None:
    """What a task prints itself, much or little, and what a command lists: quietly, with the code of a lost reader."""
    (tmp_path / "prints.py").write_text(
        "from pegboard import task\n@task\ndef f(n: int):\n    for i in range(n): print(i)\n"
    )
    reader, writer = os.pipe()
    os.close(reader)
    with _run(tmp_path, *words, stdout=writer) as process:
        os.close(writer)
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    """A result that cannot be written is no success."""
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    (tmp_path / "gives.py").write_text("from pegboard import task\n@task\ndef f(): return 1\n")
    with Path("/dev/full").open("wb") as full, _run(tmp_path, "run", "gives:f", stdout=full) as process:
        assert b"the result cannot be written: [Errno 28]" in process.stderr.read()
    assert process.returncode == 1


def test_a_command_that_cannot_be_loaded_is_a_misuse(
    pegboard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broken entry point names its distribution."""
    info = tmp_path / "extra-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: extra\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[pegboard.commands]\nshout = surely_absent:shout\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    result = pegboard("shout")
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 4)
    assert "the command 'shout' of extra cannot be loaded: ModuleNotFoundError" in result.stderr


def test_what_an_observer_did_wrong_is_a_line(tmp_path: Path) -> None:
    """Logged without a traceback, unless it is asked for."""
    (tmp_path / "watch.py").write_text(
        "from pegboard import current_session, hookimpl, task\n"
        "class Watch:\n    name = 'watch'\n    @hookimpl\n    def after_execute(self): raise OSError('no disk')\n"
        "@task\ndef inner(): return 1\n"
        "@task\ndef f():\n    current_session().register(Watch())\n    return inner()\n"
    )
    program = "from pegboard import Session\nfrom pegboard_cli import main\nwith Session():\n    main()\n"
    command = [sys.executable, "-c", program, "run"]
    for flags in ((), ("--traceback",)):
        done = subprocess.run(
            [*command, *flags, "watch:f"], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.stdout == "1\n"
        assert "plugin watch failed in after_execute with OSError" in done.stderr
        assert ("Traceback" in done.stderr) is bool(flags)


def test_the_parts_of_a_group_may_be_sensitive(pegboard) -> None:
    """Their type is told, and not their text."""
    Path("groups.py").write_text(
        "from pegboard import task\n@task(sensitive=True)\ndef secret(x): raise ValueError('canary')\n"
        "@task\ndef f(): secret.map([1, 2], on_error='aggregate')\n"
    )
    result = pegboard("run", "groups:f")
    assert result.exit_code == 1
    assert "canary" not in result.output
