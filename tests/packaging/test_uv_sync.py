"""uv sees the checkout as one workspace."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_sync_installs_every_member_from_its_folder(uv, checkout, members, run_command):
    """`uv sync --all-extras` in a fresh checkout installs all members, editable."""
    run_command(uv, "sync", "--quiet", "--all-extras", cwd=checkout)
    packages = [member.package for member in members.values()]
    code = f"import importlib\nfor name in {packages}: print(importlib.import_module(name).__file__)"
    places = run_command(checkout / ".venv/bin/python", "-c", code, cwd=checkout.parent).split()
    assert len(places) == len(members)
    assert [place for place in places if not place.startswith(str(checkout))] == []


def test_lock_points_at_members_by_relative_folder(uv, checkout, run_command):
    """What uv records can be used on another machine."""
    run_command(uv, "lock", "--quiet", cwd=checkout)
    lock = (checkout / "uv.lock").read_text(encoding="utf-8")
    assert str(checkout) not in lock
    assert "file:" not in lock
