"""What the pyproject.toml files promise, read without building anything."""

from __future__ import annotations

import re
from importlib.metadata import EntryPoint

import pytest

import pegboard
from pegboard._first_party import PROVIDED


def test_root_and_members_share_one_version(member, root_project):
    """Every member has the version of the root."""
    assert member.project["version"] == root_project["project"]["version"]


def test_members_pin_each_other_exactly(member, root_project):
    """A member that requires another takes exactly its own version of it."""
    version = root_project["project"]["version"]
    pins = [line for line in member.project["dependencies"] if line.startswith("pegboard")]
    assert all(re.fullmatch(rf"pegboard-[a-z]+=={re.escape(version)}", pin) for pin in pins)


def test_core_is_required_by_every_other_member(member):
    """Only the core itself does not require the core."""
    pins = [line for line in member.project["dependencies"] if line.startswith("pegboard-core==")]
    assert len(pins) == (member.folder != "core")


def test_core_depends_on_pluggy_and_attrs_only(members):
    """The core stands on two distributions."""
    assert members["pegboard-core"].project["dependencies"] == ["attrs>=23.2", "pluggy>=1.5"]


def test_distribution_is_named_after_its_folder(member):
    """Whoever knows the folder knows the distribution."""
    assert member.name == f"pegboard-{member.path.name}"


@pytest.mark.parametrize(
    "name", ["README.md", "LICENSE", "src/{package}/py.typed", "src/{package}/__init__.py"]
)
def test_member_ships_its_files(member, name):
    """Every member has a README, a licence, and a typed package."""
    assert (member.path / name.format(package=member.package)).is_file()


def test_licence_is_that_of_the_root(member, root):
    """There is one licence text."""
    assert (member.path / "LICENSE").read_bytes() == (root / "LICENSE").read_bytes()


def test_readme_begins_with_name_and_install_line(member):
    """A README is headed by the distribution's name and tells how to install it."""
    text = (member.path / "README.md").read_text(encoding="utf-8")
    extra = "pegboard-core" if member.folder == "core" else f'"pegboard[{member.path.name}]"'
    assert text.startswith(f"# {member.name}\n")
    assert f"$ pip install {extra}\n" in text


def test_entry_points_resolve(member):
    """Every entry point and script leads to an object that exists."""
    groups = {**member.project.get("entry-points", {}), "console_scripts": member.project.get("scripts", {})}
    for group, entries in groups.items():
        for name, value in entries.items():
            assert EntryPoint(name, value, group).load()


def test_plugin_is_registered_under_its_folder_name(member):
    """A plugin's entry point has the name that the extra has."""
    registered = member.project.get("entry-points", {}).get("pegboard.plugins", {})
    assert set(registered) <= {member.path.name}


def test_core_itself_has_no_name_that_a_member_provides():
    """`pegboard.<Name>` is one thing."""
    assert set(pegboard.__all__) & set(PROVIDED) == set()


def test_members_tests_are_part_of_the_development_environment(member, members, root_project):
    """What a member's tests need is also installed by `make`: members are all, so that none of them is listed."""
    groups = root_project["dependency-groups"]
    assert {"include-group": "members"} in groups["dev"]
    needed = member.pyproject.get("dependency-groups", {}).get("test", [])
    assert {line for line in needed if line.partition("==")[0] not in members} <= set(groups["members"])
