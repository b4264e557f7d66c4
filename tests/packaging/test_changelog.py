"""The fragments that wait for the next release."""

from __future__ import annotations

import re
import sys

import pytest


def fragments(root):
    return sorted(path for path in (root / "docs" / "changelog").iterdir() if path.name != "README.md")


def test_fragments_are_named_by_issue_and_kind(root, root_project):
    """A fragment's name is an issue number and one of the kinds, with a number where there are several."""
    kinds = "|".join(kind["directory"] for kind in root_project["tool"]["towncrier"]["type"])
    assert [
        path.name for path in fragments(root) if not re.fullmatch(rf"\d+\.({kinds})(\.\d+)?\.md", path.name)
    ] == []


def test_fragments_begin_with_a_distribution(root, members):
    """A reader sees first which distribution changed."""
    begin = re.compile("|".join(rf"{name}: \S" for name in ["pegboard", *members]))
    assert [path.name for path in fragments(root) if not begin.match(path.read_text(encoding="utf-8"))] == []


def test_towncrier_makes_a_section_of_them(root, run_command):
    """The draft of the next section holds every fragment."""
    draft = run_command(sys.executable, "-m", "towncrier", "build", "--draft", cwd=root)
    if not fragments(root):
        pytest.skip("no fragment waits: this is a release")
    assert draft.count("(#") >= len(fragments(root))
