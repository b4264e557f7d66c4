"""Finding a task by its name."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("jobs", "name a task of it: jobs:<task>. Tasks: anumbers, attached,"),
        ("jobs:dubble", "Did you mean 'double'?"),
        ("jobs:plain", "jobs:plain is a function, and no task: decorate it with @task."),
        ("absent:x", "there is no module 'absent'"),
        ("absent.py:x", "there is no file 'absent.py'"),
        ("json:loads", "There is no task in json."),
    ],
)
def test_what_cannot_be_found_is_a_misuse(pegboard, target: str, message: str) -> None:
    """Exit code 2, and a message that says what there is."""
    result = pegboard("run", target)
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_module_that_fails_to_import_shows_its_own_error(pegboard) -> None:
    """A missing import inside the user's module is not mistaken for a missing module."""
    Path("broken.py").write_text("import surely_absent_module\n")
    for command in ("run", "explain"):
        result = pegboard(command, "broken:x")
        assert (result.exit_code, len(result.stderr.splitlines())) == (2, 4)
        assert (
            "broken:x cannot be imported: ModuleNotFoundError: No module named 'surely_absent_module'"
            in result.stderr
        )
        assert result.stderr.endswith("broken.py, line 1)\n")


def test_a_traceback_of_an_import_is_shown_when_asked_for(pegboard) -> None:
    """By the option of the command, or of the whole program."""
    Path("broken.py").write_text("def begin():\n    raise OSError('no disk')\nbegin()\n")
    for words in (("run", "--traceback", "broken:x"), ("--traceback", "explain", "broken:x")):
        result = pegboard(*words)
        assert result.exit_code == 2
        assert "in begin" in result.stderr


def test_a_module_that_is_no_python_says_where(pegboard) -> None:
    """A syntax error is told with its file and line."""
    Path("broken.py").write_text("x = 1\ndef (\n")
    told = pegboard("run", "broken:x").stderr
    assert "SyntaxError: invalid syntax" in told
    assert told.endswith("broken.py, line 2)\n")


def test_a_file_may_have_the_name_of_a_module_that_is_loaded(pegboard) -> None:
    """`json.py` in the current folder is the user's file."""
    Path("json.py").write_text("from pegboard import task\n@task\ndef mine(): return 'mine'\n")
    assert pegboard("run", "./json.py:mine").stdout == "mine\n"


def test_ctrl_c_while_a_module_is_imported_exits_130(pegboard) -> None:
    """An interrupted import is told from a failure, too."""
    Path("slow.py").write_text("raise KeyboardInterrupt\n")
    result = pegboard("explain", "slow:x")
    assert (result.exit_code, result.stderr) == (130, "interrupted\n")
