"""Errors that cross from one process to another."""

from __future__ import annotations

import pytest
import remote_tasks as tasks

from pegboard import On, RemoteError
from pegboard.privacy import is_sensitive

pytestmark = pytest.mark.usefixtures("on_workers")


def test_an_error_is_itself():
    """An error that can travel leaves the call as itself, with the place it was raised at in a note."""
    with pytest.raises(KeyError) as caught:
        tasks.fails.submit(1).result()
    assert caught.value.args == ("one",)
    notes = "\n".join(caught.value.__notes__)
    assert "raised in process" in notes
    assert "raise error\n" in notes
    assert "in task 'fails'" in notes
    assert "pegboard_processes/worker/work.py" not in notes


@pytest.mark.parametrize(
    ("what", "type_", "message"),
    [
        ("lock", "remote_tasks.WithLock", "has a lock"),
        ("own", "remote_tasks.OwnWay", "own way"),
    ],
)
@pytest.mark.parametrize("way", ["submit", "map"])
def test_an_error_that_cannot_travel(what, type_, message, way):
    """One that cannot be pickled, or not be made again, is a RemoteError with its type, text and traceback."""
    with pytest.raises(RemoteError) as caught:
        tasks.fails.submit(1, what).result() if way == "submit" else tasks.fails.map([0, 1, 2], [what] * 3)
    error = caught.value
    assert (error.task, error.type, error.message) == ("fails", type_, message)
    assert "remote_tasks.py" in error.traceback
    assert message in str(error)


def test_a_type_error_counts_as_an_attempt():
    """A TypeError that the function raised there is an attempt; arguments that do not fit are none."""
    assert tasks.fails.with_options(On("processes")).run(1, "type").attempts == 1
    assert tasks.fails.with_options(On("processes")).run(1, 2, 3).attempts == 0


def test_sensitive_tasks():
    """Of an error of a sensitive task, neither text nor traceback crosses, unless in the error itself."""
    with pytest.raises(RemoteError) as caught:
        tasks.fails_secretly.submit().result()
    error = caught.value
    assert (error.type, error.message, error.traceback) == ("remote_tasks.WithLock", "", "")
    assert "has a lock" not in str(error)
    assert "raised in process" not in "".join(error.__notes__)


@pytest.mark.parametrize("outer", ["as it is", "around"])
@pytest.mark.parametrize("inner", ["lock", "plain"])
def test_errors_of_sensitive_tasks_inside(inner, outer):
    """As they are, or around such a one: no traceback crosses, and at home they are as private as in one process."""
    error = tasks.calls_secretly.submit(inner, outer).exception(30)
    assert is_sensitive(error) or "has a lock" not in str(error)
    told = "".join([*error.__notes__, getattr(error, "message", ""), getattr(error, "traceback", "")])
    assert "canary-nested" not in told
    assert "has a lock" not in told
