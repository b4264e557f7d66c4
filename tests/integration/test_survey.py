"""The survey example on a small folder of real trouble: everything hung on one session at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "stdlib_survey.py"


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A folder with two good files, one that does not parse and one that does not decode."""
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "good.py").write_text('import os\n\ndef f():\n    """Documented."""\n')
    (folder / "other.py").write_text("import os, sys\nclass C: pass\n")
    (folder / "broken.py").write_text("def :\n")
    (folder / "latin.py").write_bytes("name = 'é'\n".encode("latin-1"))
    return folder


def survey(folder: Path, cache: Path) -> str:
    """Run the example as a user would, and return what it printed; the console goes to stderr."""
    command = [sys.executable, str(EXAMPLE), "--cache", str(cache), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "✓ survey" in done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def test_the_survey_counts_reports_and_goes_on(sources: Path, tmp_path: Path) -> None:
    """One failing file never stops the rest, and every failure is named by its kind."""
    printed = survey(sources, tmp_path / "cache")
    assert "2 files, 6 lines, 1 classes, 1 functions" in printed
    assert "docstrings on 50% of classes and functions" in printed
    assert "most imported: os (2), sys (1)" in printed
    assert "SyntaxError (1)" in printed
    assert "UnicodeDecodeError (1)" in printed


def test_the_survey_shows_its_own_series(sources: Path, tmp_path: Path) -> None:
    """What the endpoint serves equals what ran."""
    printed = survey(sources, tmp_path / "cache")
    assert (
        'pegboard_cache_lookups_total{pegboard_cache_result="miss",pegboard_task_name="survey_file"} 4.0'
        in printed
    )
    assert 'error_type="SyntaxError"' in printed.partition("from http://127.0.0.1:")[2]


def test_a_second_run_is_served_from_the_cache(sources: Path, tmp_path: Path) -> None:
    """Good files come from the cache the second time; failures are tried again."""
    survey(sources, tmp_path / "cache")
    printed = survey(sources, tmp_path / "cache")
    assert (
        'pegboard_cache_lookups_total{pegboard_cache_result="hit",pegboard_task_name="survey_file"} 2.0'
        in printed
    )
