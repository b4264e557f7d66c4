"""A plugin's tests need the core, the plugin and what it declares: no other plugin."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

RUNNER = ["pytest", "pytest-timeout", "hypothesis"]


def test_members_tests_pass_with_nothing_else_installed(member, members, environment, checkout, run_command):
    """In a fresh environment with one member, the tests of that member pass."""
    folders = [checkout / members[name].folder for name in ("pegboard-core", *member.siblings)]
    declared = member.pyproject.get("dependency-groups", {}).get("test", [])
    environment.pip("install", *dict.fromkeys(folders), *RUNNER, *declared)
    assert environment.installed() == {"pegboard-core", *member.siblings}
    tests = checkout / "tests" / member.folder
    assert tests.is_dir(), f"{member.name} has no tests: tests/{member.folder} is missing"
    run_command(environment.python, "-m", "pytest", "-q", "-m", "not slow", tests, cwd=checkout)
