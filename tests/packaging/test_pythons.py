"""The interpreters that the tests run on beside the first."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tools import pythons

STAND_IN = "#!/bin/sh\necho 'not chosen' >&2\nexit 127\n"
PYENV = """#!/bin/sh
case "$1" in
  versions) printf '3.9.18\\n3.12.1\\n3.12.10\\n3.12.9\\n3.12-dev\\n' ;;
  prefix) echo "{folder}/$2" ;;
esac
"""


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Return a function that puts a program on an otherwise empty PATH, or elsewhere."""
    folder = tmp_path / "on-path"
    monkeypatch.setenv("PATH", str(folder))

    def program(name, text):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return str(path)

    return program


def python(version):
    """A program that says it is of a version."""
    return f"#!/bin/sh\necho {version}\n"


def test_what_is_on_path_is_taken(program):
    """By its name with the version."""
    assert pythons.interpreter((3, 12)) is None
    found = program("python3.12", python("3 12"))
    assert pythons.interpreter((3, 12)) == found


@pytest.mark.parametrize("text", [STAND_IN, python("3 10")], ids=["stand-in", "another version"])
def test_what_cannot_be_run_or_is_another_is_left(program, text):
    """As pyenv's stand-in for a version that is not chosen."""
    program("python3.12", text)
    assert pythons.interpreter((3, 12)) is None


def test_else_pyenv_is_asked_for_its_newest(program, tmp_path):
    """By number, not by letter."""
    program("python3.12", STAND_IN)
    program("pyenv", PYENV.format(folder=tmp_path / "versions"))
    newest = program("../versions/3.12.10/bin/python", python("3 12"))
    program("../versions/3.12.9/bin/python", python("3 12"))
    assert Path(pythons.interpreter((3, 12))).samefile(newest)
    assert pythons.interpreter((3, 13)) is None


def test_the_versions_are_those_that_the_metadata_promises(root, monkeypatch):
    """From the classifiers, and without the one that asks."""
    monkeypatch.chdir(root)
    assert list(pythons.promised()) == [(3, 11), (3, 12), (3, 13)]
    assert sys.version_info[:2] in list(pythons.promised())
