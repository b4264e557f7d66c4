"""Built files install from a folder, with no index at all."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_extra_installs_from_wheels_alone(environment, dist, vendor_wheels):
    """`pegboard[retry]` is found in a folder of wheels, and brings only its plugin."""
    offline = ["--no-index", "--find-links", dist, "--find-links", vendor_wheels]
    environment.pip("install", *offline, "--only-binary", ":all:", "pegboard[retry]")
    assert environment.installed() == {"pegboard", "pegboard-core", "pegboard-retry"}
    assert environment.evaluate("import pegboard, pegboard_retry; print(pegboard.task.__name__)") == "task"


def test_sdist_installs(distribution, environment, dist, vendor_wheels):
    """Every distribution can be built from its sdist, far from the repository."""
    offline = ["--no-index", "--find-links", dist, "--find-links", vendor_wheels]
    environment.pip("install", *offline, dist / f"{distribution.file_name}.tar.gz")
    assert distribution.name in environment.installed()
    assert environment.evaluate("import pegboard; print(pegboard.task.__name__)") == "task"
