"""Every page does what it says in a fresh environment, which has what the page says to install, and nothing else."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
RUNNER = ROOT / "tests" / "docs" / "run_page.py"
PAGES = sorted(
    [
        ROOT / "README.md",
        *(page for page in ROOT.glob("docs/**/*.md") if page.parent.name != "changelog"),
        *ROOT.glob("*/*/README.md"),
        ROOT / "core/README.md",
    ]
)
_INSTALLED = re.compile(  # but for a file of requirements, which a program has of its own
    r"pip install (?!(?:--[\w-]+ )*-r )((?:(?:\"[^\"]+\"|'[^']+'|[\w.\[\],-]+) ?)+)"
)
_WORD = re.compile(r"\"([^\"]+)\"|'([^']+)'|([\w.\[\],-]+)")
Install = Callable[[frozenset[str]], Path]


def requirements_of(text: str) -> frozenset[str]:
    """Return what the lines of a page install; those that begin with a dot say the same of a checkout."""
    words = [
        "".join(word) for line in _INSTALLED.findall(" ".join(text.split())) for word in _WORD.findall(line)
    ]
    return frozenset(word for word in words if not word.startswith(("-", ".")))


@pytest.fixture(scope="module")
def install(uv: str, dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Install:
    """Make an environment with some requirements, one for all pages that have the same, and return its Python."""
    made: dict[frozenset[str], Path] = {}
    wheels = {each.name.split("-")[0].replace("_", "-"): each for each in dist.glob("*.whl")}
    ours = f"pegboard=={wheels['pegboard'].name.split('-')[1]}"  # and so all of its members, whatever an index has
    # An earlier run's wheels have the same names, and are in the cache of uv.
    fresh = [f"--refresh-package={name}" for name in wheels]

    def make(requirements: frozenset[str]) -> Path:
        if requirements not in made:
            folder = tmp_path_factory.mktemp("fresh") / "environment"
            run(uv, "venv", "--quiet", folder)
            served = [*fresh, "--find-links", dist, "--python", folder]
            run(uv, "pip", "install", "--quiet", *served, ours, *sorted(requirements))
            made[requirements] = folder / "bin" / "python"
        return made[requirements]

    return make


def run(*command: str | Path) -> None:
    """Run a command in a folder that is no checkout, or fail with what it printed."""
    inherited = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}
    done = subprocess.run(
        [str(part) for part in command],
        cwd="/",
        env={name: value for name, value in os.environ.items() if name not in inherited},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_a_page_runs_with_what_it_says_to_install(page: Path, install: Install) -> None:
    """A reader who follows it word for word needs no other distribution."""
    run(install(requirements_of(page.read_text(encoding="utf-8"))), RUNNER, page)


def test_lines_are_found_wherever_they_stand() -> None:
    """In blocks and in sentences, also where those break; of a checkout nothing is taken."""
    page = """
    ```console
    $ pip install pytest "pegboard[cache,retry]"
    $ pip install -e .
    ```

    It needs `pip install
    'pegboard[logs-structlog]'`, or `pip install ".[logs-structlog]"`.
    """
    assert requirements_of(page) == {"pytest", "pegboard[cache,retry]", "pegboard[logs-structlog]"}
