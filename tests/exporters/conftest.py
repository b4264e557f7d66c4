"""Programs of Prometheus and others that tests of several exporters run."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest


def program(name, package):
    """Find a program that a test needs; in CI it has to be there."""
    found = shutil.which(name)
    if found is None:
        missing = f"{name} is not on PATH; Debian has it in the package {package}"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    return found


@pytest.fixture(scope="session")
def find_program():
    return program


@pytest.fixture
def promtool(find_program):
    """Run promtool; what it says about a failure is the test's."""
    program = find_program("promtool", "prometheus")

    def run(*words, text=None):
        done = subprocess.run([program, *words], input=text, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run
