"""The line of a map, where asked for."""

from __future__ import annotations

import pytest

from pegboard import Session, task
from pegboard_jsonlines import JSONLines


@task
def invert(x):
    return 1 / x


@task
def outer():
    invert.map([1, 0, 2], on_error="collect")


def test_a_map_has_a_line_with_its_counts(path, read):
    """Behind those of its calls, which name it."""
    with Session(JSONLines(path, groups=True), inherit=False) as session:
        outer()
    *calls, group, call = read()
    assert group.pop("ts") <= call["ts"]
    assert group.pop("duration") > 0
    assert group == {
        "event": "group",
        "group": calls[0]["group"],
        "kind": "map",
        "name": "invert",
        "parent_id": call["call_id"],
        "session_id": session.id,
        "size": 3,
        "calls": 3,
        "failed": 1,
        "status": "ok",
        "error_type": None,
    }
    assert {line["group"] for line in calls} == {group["group"]}


def test_a_map_that_fails_has_the_class_alone(path, read):
    """What failed is in the call's own line."""
    with Session(JSONLines(path, groups=True), inherit=False), pytest.raises(ZeroDivisionError):
        list(invert.map([0]))
    group = read()[-1]
    assert (group["status"], group["error_type"]) == ("error", "ZeroDivisionError")
    assert "division by zero" not in str(group)


def test_without_being_asked_for_there_is_none(path, read):
    """Only calls."""
    with Session(JSONLines(path), inherit=False):
        list(invert.map([1]))
    assert [line["event"] for line in read()] == ["call"]
