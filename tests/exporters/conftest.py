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


@pytest.fixture(scope="session")
def make_certificate(find_program):
    """Make a certificate of localhost that signs itself, and its key."""
    openssl = find_program("openssl", "openssl")

    def make(folder, name="localhost"):
        certfile, keyfile = folder / f"{name}.crt", folder / f"{name}.key"
        words = [
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
        ]
        words += ["-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
        subprocess.run(
            [openssl, *words, "-keyout", str(keyfile), "-out", str(certfile)], check=True, capture_output=True
        )
        return certfile, keyfile

    return make


@pytest.fixture(scope="session")
def certificate(tmp_path_factory, make_certificate):
    """A certificate and its key, as files."""
    return make_certificate(tmp_path_factory.mktemp("certificate"))
