"""A plugin's tests need the core, the plugin and what it declares, for its tests too: no other plugin."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

RUNNER = ["pytest", "pytest-timeout", "hypothesis"]


def test_members_tests_pass_with_nothing_else_installed(member, members, environment, checkout, run_command):
    """In a fresh environment with one member, the tests of that member pass."""
    declared = member.pyproject.get("dependency-groups", {}).get("test", [])
    neighbours = {line: members[name] for line in declared if (name := line.partition("==")[0]) in members}
    needed = {"pegboard-core", *member.siblings}.union(*(each.siblings for each in neighbours.values()))
    folders = [checkout / members[name].folder for name in sorted(needed)]
    others = [line for line in declared if line not in neighbours]
    environment.pip("install", *folders, *RUNNER, *others)
    assert environment.installed() == needed
    tests = checkout / "tests" / member.folder
    assert tests.is_dir(), f"{member.name} has no tests: tests/{member.folder} is missing"
    run_command(environment.python, "-m", "pytest", "-q", "-m", "not slow", tests, cwd=checkout)
