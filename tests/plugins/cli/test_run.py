"""`pegboard run`: results, failures, and exit codes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("target", ["jobs:double", "jobs.py:double", "./jobs.py:double"])
def test_a_task_is_run_by_module_or_by_path(pegboard, target: str) -> None:
    """The result goes to stdout, and the exit code is 0."""
    result = pegboard("run", target, "4")
    assert (result.stdout, result.stderr, result.exit_code) == ("8\n", "", 0)


@pytest.mark.parametrize(
    ("words", "printed"),
    [
        (("jobs:later", "1"), "2\n"),
        (("jobs:numbers", "3"), "0\n1\n2\n"),
        (("jobs:anumbers", "2"), '{"i": 0}\n{"i": 1}\n'),
        (("jobs:nothing",), ""),
        (("jobs:hide", "canary"), "Secret('***')\n"),
    ],
    ids=["coroutine", "generator", "async generator", "none", "secret"],
)
def test_every_kind_of_task_runs(pegboard, words: tuple[str, ...], printed: str) -> None:
    """Async tasks are awaited, items of a stream come one a line, None prints nothing, a Secret stays one."""
    result = pegboard("run", *words)
    assert (result.stdout, result.stderr, result.exit_code) == (printed, "", 0)


def test_a_failed_task_exits_1_with_its_error_and_notes(pegboard) -> None:
    """The error goes to stderr, without a traceback unless asked for."""
    result = pegboard("run", "jobs:fails", "luck")
    first, note = result.stderr.splitlines()
    assert (result.exit_code, result.stdout, first) == (1, "", "ValueError: no luck")
    assert note.startswith("in task 'fails', call ")
    assert "Traceback" in pegboard("run", "--traceback", "jobs:fails", "luck").stderr


def test_the_error_of_a_sensitive_task_shows_its_type_alone(pegboard) -> None:
    """A canary in the error text of a sensitive task is not shown, not even with a traceback."""
    for flags in ((), ("--traceback",)):
        result = pegboard("run", *flags, "jobs:fails_quietly", "canary")
        assert result.exit_code == 1
        assert "canary" not in result.output
        assert result.stderr.startswith("ValueError")


def test_ctrl_c_exits_130(pegboard) -> None:
    """An interrupted task is told from a failed one."""
    result = pegboard("run", "jobs:stops")
    assert (result.exit_code, result.stderr) == (130, "interrupted\n")


def test_plugins_are_attached_by_name(pegboard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--plugin` attaches what is installed; what is not is a misuse that names what there is."""
    info = tmp_path / "shout-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shout\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[pegboard.plugins]\nshout = shout:Shout\n")
    (tmp_path / "shout.py").write_text("class Shout:\n    name = 'shout'\n")
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from pegboard_cli import main; main()"

    def command(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", program, *words], capture_output=True, text=True, check=False
        )

    assert command("run", "--plugin", "shout", "jobs:attached").stdout == '["shout"]\n'
    wrong = command("run", "--plugin", "shuot", "jobs:attached")
    assert wrong.returncode == 2
    assert "Did you mean 'shout'?" in wrong.stderr


def test_help_after_the_task_tells_what_it_takes(pegboard) -> None:
    """Usage and description come from the task."""
    result = pegboard("run", "jobs:double", "--help")
    usage, _, description, _, *rows = result.stdout.splitlines()
    assert (usage, description) == ("double X [--loud/--no-loud]", "Doubles a number.")
    assert [row.split() for row in rows] == [
        ["--x", "int"],
        ["--loud/--no-loud", "bool,", "default", "False"],
    ]


def test_the_installed_command_works(tmp_path: Path) -> None:
    """The console script is there and finds a file in the current folder."""
    (tmp_path / "jobs.py").write_text(
        "from pegboard import task\n@task\ndef hello(name: str): return f'hello {name}'\n"
    )
    command = [str(Path(sys.executable).with_name("pegboard")), "run", "jobs:hello", "you"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("hello you\n", "", 0)


def test_a_word_that_does_not_fit_a_sensitive_task_is_not_shown(pegboard) -> None:
    """The misuse names the parameter, and keeps the word to itself."""
    Path("quiet.py").write_text(
        "from pegboard import task\n@task(sensitive=True)\ndef unlock(pin: int, *, code: int = 1): return 1\n"
    )
    for words in (("canary",), ("1", "--code", "canary"), ("1", "--code=canary")):
        result = pegboard("run", "quiet:unlock", *words)
        assert result.exit_code == 2
        assert "the value does not fit" in result.stderr
        assert "canary" not in result.output


def test_a_reader_that_leaves_is_no_failure_of_the_task(pegboard, tmp_path: Path) -> None:
    """`pegboard run ... | head` ends quietly, with the exit code of a program that lost its reader."""
    command = [
        sys.executable,
        "-c",
        "from pegboard_cli import main; main()",
        "run",
        "jobs:numbers",
        "1000000",
    ]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"0\n"
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_plugins_come_on_top_of_the_configured_ones(pegboard, tmp_path: Path) -> None:
    """`--plugin` adds to what `[tool.pegboard]` attaches, and one that is configured is not made twice."""
    for name in ("one", "two"):
        info = tmp_path / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[pegboard.plugins]\n{name} = {name}:Plugin\n")
        (tmp_path / f"{name}.py").write_text(
            f"from pegboard import hookimpl\nclass Plugin:\n    name = {name!r}\n"
            f"    @hookimpl\n    def session_start(self): print('{name} starts')\n"
            f"    @hookimpl\n    def before_execute(self): pass\n"
        )
    (tmp_path / "pegboard.toml").write_text('plugins = ["one"]\n')
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from pegboard_cli import main; main()"

    def command(*words: str) -> list[str]:
        done = subprocess.run(
            [sys.executable, "-c", program, *words], capture_output=True, text=True, check=False
        )
        assert done.stderr == ""
        return done.stdout.splitlines()

    run = command("run", "--plugin", "one", "--plugin", "two", "jobs:attached")
    assert run == ["one starts", "two starts", '["one", "two"]']
    assert "before_execute: one" in command("explain", "jobs:double")[-1]


def test_a_stream_of_another_encoding_gets_escapes(pegboard, tmp_path: Path) -> None:
    """What stdout cannot hold is written as in a Python literal, and is no failure."""
    (tmp_path / "accents.py").write_text(
        "from pegboard import task\n@task\ndef f(): return 'größe \\udcff'\n"
    )
    command = [sys.executable, "-c", "from pegboard_cli import main; main()", "run", "accents:f"]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},
        check=False,
    )
    assert (done.stdout, done.stderr) == ("größe \\udcff\n".encode("latin-1"), b"")
