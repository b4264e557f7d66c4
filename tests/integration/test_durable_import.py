"""The import example on a small folder: killed, resumed, approved, and nothing done twice."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "durable_import.py"
FILES = 150


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A folder with good files, one that does not parse and one that does not decode."""
    folder = tmp_path / "sources"
    folder.mkdir()
    for number in range(FILES):
        (folder / f"good_{number:03}.py").write_text("def f(): ...\n" * number)
    (folder / "broken.py").write_text("def :\n")
    (folder / "latin.py").write_bytes("name = 'é'\n".encode("latin-1"))
    return folder


@pytest.fixture
def example(sources: Path, tmp_path: Path):
    """Run the example as a user would, and return what it printed."""

    def example(*words: str) -> str:
        command = [sys.executable, "-W", "error", str(EXAMPLE), *words, str(sources)]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return example


def rows(folder: Path) -> list[tuple[str, int]]:
    """Return what is in the database: paths, and how often each was published."""
    with closing(sqlite3.connect(folder / "import.db")) as connection:
        return connection.execute("SELECT path, published FROM files").fetchall()


def test_the_import_waits_for_an_approval_and_is_published_once(example, tmp_path: Path) -> None:
    """However often it is started, and approved."""
    assert f"{FILES} of {FILES + 2} files are imported" in example()
    assert example() == "the run is SUSPENDED\n"
    published = f"{FILES} rows published, approved by ann\n"
    assert example("--approve=ann") == published
    assert example("--approve=bob") == published
    assert Counter(times for _, times in rows(tmp_path)) == {1: FILES}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_the_import_is_killed_again_and_again_and_does_nothing_twice(example, seed: int) -> None:
    """As `make demo-durable` does it."""
    told = example("--demo", "--kills=5", f"--seed={seed}")
    assert f"{FILES} of {FILES + 2} files are imported" in told
    assert told.endswith(f"recovered 5 times; {FILES} rows, 0 of them twice\n")
