"""Adding a member is adding a folder: nothing else is edited by hand."""

from __future__ import annotations

import os
import re
import shutil
import sys
import sysconfig
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

FOLDERS = {
    "plugins/timeout": "plugins/respite",
    "plugins/timeout/src/pegboard_timeout": "plugins/respite/src/pegboard_respite",
    "tests/plugins/timeout": "tests/plugins/respite",
}
PAGE = ("docs/reference/timeout.md", "docs/reference/respite.md")
# As long as the old ones and sorted as they are, so that formatter and linter have nothing to say.
NAMES = {
    r"\bDeadline\b": "Daylight",
    r"\bTimeout(s?)\b": r"Respite\1",
    r"(?<![.\w])timeout\b(?!=)|(?<=pegboard_)timeout\b": "respite",
}
TYPED = """from typing import assert_type

from pegboard import Respite

assert_type(Respite(3).seconds, float)  # which `Any` is not
"""


def test_copied_member_passes_all_checks_after_make_members(checkout, run_command):
    """A plugin under another name, its tests and its page: `make members`, then `make check`, and its tests pass."""
    add_copy(checkout)
    borrow_environment(checkout)
    run_command("make", "members", cwd=checkout)
    run_command("make", "check", cwd=checkout)
    tests = [
        "tests/plugins/respite",
        "tests/packaging/test_members.py",
        "tests/docs/test_links.py",
        "tests/docs/test_names_reference.py",
    ]
    python = checkout / ".venv/bin/python"
    run_command(python, "-m", "pytest", "-q", "-m", "not slow", *tests, cwd=checkout)
    run_command(python, "-m", "pytest", "-q", "tests/docs/test_pages.py", "-k", "respite", cwd=checkout)
    found = (
        "import pegboard, pegboard_respite as it; assert pegboard.Respite is it.Respite; print(it.__file__)"
    )
    assert run_command(python, "-c", found, cwd=checkout).startswith(str(checkout))


def test_contracts_hold_a_new_member_from_its_first_day(checkout, run_command):
    """A neighbour and a private module of the core, imported for type checkers alone, are both found in it."""
    add_copy(checkout)
    borrow_environment(checkout)
    run_command("make", "members", cwd=checkout)
    (checkout / "plugins/respite/src/pegboard_respite/_curious.py").write_text(
        "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n"
        "    from pegboard.plans.plan import Plan\n    from pegboard_retry import Retry\n"
    )
    with pytest.raises(AssertionError) as failed:
        run_command(checkout / ".venv/bin/lint-imports", "import-contracts.toml", cwd=checkout)
    assert "pegboard_respite._curious -> pegboard_retry" in str(failed.value)
    assert "pegboard_respite._curious -> pegboard.plans.plan" in str(failed.value)


def add_copy(checkout: Path) -> None:
    """Add a member that is the plugin `timeout` but for its names."""
    for old, new in FOLDERS.items():
        for file in (checkout / old).iterdir():
            if file.is_file():
                write_copy(file, checkout / new / file.name)
    write_copy(*(checkout / page for page in PAGE))
    (checkout / "tests/typing/respite.py").write_text(TYPED, encoding="utf-8")


def write_copy(file: Path, target: Path) -> None:
    """Write a file with the new names."""
    text = file.read_text(encoding="utf-8")
    if file.name != "LICENSE":
        for old, new in NAMES.items():
            text = re.sub(old, new, text)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")


def borrow_environment(checkout: Path) -> None:
    """Give a checkout a .venv with what is installed here, and with its own members in place of these."""
    environment = checkout / ".venv"
    venv = [sys.executable, "-m", "venv", "--without-pip", str(environment)]
    assert os.spawnv(os.P_WAIT, sys.executable, venv) == 0
    sources = [str(path) for path in sorted(checkout.glob("*/src")) + sorted(checkout.glob("*/*/src"))]
    (site,) = environment.glob("lib/python*/site-packages")
    (site / "borrowed.pth").write_text("\n".join([*sources, sysconfig.get_path("purelib")]))
    for name in ["lint-imports", "mypy", "pyright", "ruff"]:
        borrow_program(Path(sys.executable).parent / name, environment / "bin" / name)
    (environment / ".pegboard-installed").touch()


def borrow_program(program: Path, target: Path) -> None:
    """Copy a program, so that a script is run by the Python beside it."""
    first, _, rest = program.read_bytes().partition(b"\n")
    if not first.startswith(b"#!"):
        target.symlink_to(program)
        return
    target.write_bytes(b"#!" + os.fsencode(target.parent / "python") + b"\n" + rest)
    shutil.copymode(program, target)
