"""`make members` writes the lists of members from their folders, and refuses what it cannot list."""

from __future__ import annotations

import subprocess
import sys

import pytest

GENERATED = [
    "README.md",
    "core/src/pegboard/_first_party.py",
    "docs/index.md",
    "docs/reference/tasks-and-sessions.md",
    "import-contracts.toml",
    "pyproject.toml",
]


@pytest.fixture
def edit(checkout):
    """Replace a text in a file of the copied checkout."""

    def change(name: str, old: str, new: str) -> None:
        path = checkout / name
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1
        path.write_text(text.replace(old, new), encoding="utf-8")

    return change


@pytest.fixture
def make_members(checkout):
    """Run what `make members` runs in the copied checkout; return what it says, by either way out."""

    def make() -> str:
        command = [sys.executable, "-m", "tools.members"]
        done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    return make


def test_lists_of_this_checkout_are_up_to_date(make_members):
    """Nothing is left to be written: what is committed is what the folders say."""
    assert make_members() == ""


def test_lists_are_written_anew_where_they_are_lost(checkout, root, edit, make_members):
    """What people write around a list stays, and the list comes back."""
    edit("docs/index.md", "- [retry](../plugins/retry/README.md)", "- [yrter](../plugins/retry/README.md)")
    (checkout / "import-contracts.toml").unlink()
    assert make_members().splitlines() == [
        "make members: wrote import-contracts.toml",
        "make members: wrote docs/index.md",
    ]
    assert [name for name in GENERATED if (checkout / name).read_text() != (root / name).read_text()] == []


def test_member_that_is_gone_is_in_no_list(checkout, make_members):
    """Without its folder a member is named in none of the files."""
    (checkout / "exporters/jsonlines/pyproject.toml").unlink()
    (checkout / "docs/reference/jsonlines.md").unlink()
    make_members()
    named = [name for name in GENERATED if "jsonlines" in (checkout / name).read_text(encoding="utf-8")]
    assert named == []


@pytest.mark.parametrize(
    ("name", "old", "new", "claim"),
    [
        ("timeout/pyproject.toml", "\nDeadline =", "\nRetry =", "`pegboard.Retry`"),
        ("timeout/pyproject.toml", ":Timeouts", ":Retrying", "`pegboard.Retrying`"),
        (
            "dask/pyproject.toml",
            'executors = ["dask"]',
            'executors = ["processes"]',
            "the executor 'processes'",
        ),
        ("dask/pyproject.toml", 'executors = ["dask"]', "carrier = true", "`carrier = true`"),
    ],
    ids=["name", "plugin", "executor", "carrier"],
)
def test_two_members_cannot_have_the_same(edit, make_members, name, old, new, claim):
    """Nothing is written, and both are named."""
    edit(f"plugins/{name}", old, new)
    first, second = sorted([f"plugins/{name.partition('/')[0]}", "plugins/" + OWNERS[claim]])
    assert make_members() == f"make members: {first} and {second} both claim {claim}; only one can have it.\n"


OWNERS = {
    "`pegboard.Retry`": "retry",
    "`pegboard.Retrying`": "retry",
    "the executor 'processes'": "processes",
    "`carrier = true`": "processes",
}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "[tool.pegboard-member.provides]",
            "[tool.other]",
            "has no `provides` in [tool.pegboard-member]; it tells",
        ),
        (
            "\ndescription =",
            "\nsummary =",
            "has no `description` in [project]; README.md and docs/index.md show it.",
        ),
        (
            "[tool.pegboard-member.provides]",
            "[tool.pegboard-member]\nexecutor = []\n[tool.pegboard-member.provides]",
            "has `executor` in [tool.pegboard-member], which means nothing there; what does: carrier, core-modules",
        ),
        (
            'timeout = "pegboard_timeout:Timeouts"',
            'timeout = "pegboard_timeout._plugin:Timeouts"',
            'a member has one, named after its folder, to a class of its package: timeout = "pegboard_timeout:Class".',
        ),
    ],
    ids=["provides", "description", "unknown", "entry point"],
)
def test_member_that_says_too_little_is_told_what_is_missing(edit, make_members, old, new, said):
    """The error names the file, the field and what it is for."""
    edit("plugins/timeout/pyproject.toml", old, new)
    told = make_members()
    assert told.startswith("make members: plugins/timeout/pyproject.toml has ")
    assert said in told


def test_file_that_has_lost_its_marks_is_named(edit, make_members):
    """A list is written between two lines, and nowhere else."""
    edit("README.md", "<!-- make members: end -->\n", "")
    assert make_members() == (
        "make members: README.md has no lines `make members: table` and `make members: end` to write between.\n"
    )
