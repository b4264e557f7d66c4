"""The pages of the documentation, and a way to run one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHANGELOG = ROOT / "docs" / "changelog"  # fragments, which towncrier makes into a page
PAGES = sorted(
    page for page in [ROOT / "README.md", *ROOT.glob("docs/**/*.md")] if CHANGELOG not in page.parents
)
READMES = sorted(
    [ROOT / "core/README.md", *ROOT.glob("plugins/*/README.md"), *ROOT.glob("exporters/*/README.md")]
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test that takes a `page` every page in turn; as a `page_of_repository` also those that are not run."""
    every = [*PAGES, ROOT / "CONTRIBUTING.md", *READMES]
    for name, pages in (("page", PAGES), ("page_of_repository", every)):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, pages, ids=[str(page.relative_to(ROOT)) for page in pages])


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def pages() -> list[Path]:
    return PAGES


@pytest.fixture(scope="session")
def run_page() -> Callable[[Path], subprocess.CompletedProcess[str]]:
    """Run a page in a process of its own, so that pages share neither sessions nor settings."""

    def run(page: Path) -> subprocess.CompletedProcess[str]:
        program = Path(__file__).parent / "run_page.py"
        return subprocess.run(
            [sys.executable, program, page], capture_output=True, text=True, check=False, timeout=100
        )

    return run
