"""What `@task` does to a signature, as mypy and pyright see it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TYPING = ROOT / "tests" / "typing"
FILES = ("kinds.py", "methods.py", "compose.py", "datasets.py", "validate.py")
PLANTED = TYPING / "planted" / "errors.py"
MYPY = [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "--no-error-summary"]
PYRIGHT = [sys.executable, "-m", "pyright", "--level", "error", "--pythonpath", sys.executable]

pytestmark = pytest.mark.timeout(300)


def check(checker: str, folder: Path, *files: Path) -> tuple[int, str]:
    """Run a type checker, strictly, on some files."""
    if checker == "mypy":
        command = [*MYPY, *map(str, files)]
    else:  # by a project file, as the checkout's own leaves planted mistakes out
        for file in files:
            shutil.copy(file, folder)
        (folder / "pyrightconfig.json").write_text(json.dumps({"typeCheckingMode": "strict"}))
        command = [*PYRIGHT, "--project", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def marked() -> set[int]:
    """Return the numbers of the lines that have a mistake planted."""
    lines = PLANTED.read_text().splitlines()
    return {number for number, line in enumerate(lines, 1) if line.endswith("# error")}


checkers = pytest.mark.parametrize("checker", ["mypy", "pyright"])


@checkers
def test_all_four_kinds_keep_their_types(checker: str, tmp_path: Path) -> None:
    """Parameters and results of tasks and methods are what the files say with `assert_type`."""
    code, output = check(checker, tmp_path, *(TYPING / name for name in FILES))
    assert code == 0, output


@checkers
def test_planted_mistakes_are_flagged_and_nothing_else_is(checker: str, tmp_path: Path) -> None:
    """A wrong argument, option field, option or result is an error, on exactly the lines that are marked."""
    _, output = check(checker, tmp_path, PLANTED)
    flagged = {int(number) for number in re.findall(rf"{PLANTED.name}:(\d+):.*\berror\b", output)}
    assert marked()
    assert flagged == marked(), output
