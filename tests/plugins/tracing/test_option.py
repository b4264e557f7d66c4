"""`Traced` refuses what it cannot mean, where it is written."""

from __future__ import annotations

import pytest

from pegboard import BindError, InvalidTask, Session, task
from pegboard_tracing import Traced, Tracing


@pytest.mark.parametrize(
    ("settings", "error", "hint"),
    [
        ({"arguments": "day"}, TypeError, "arguments=('day',)"),
        ({"arguments": ["day"]}, TypeError, 'arguments=("day",)'),
        ({"arguments": ("not a name",)}, TypeError, "parameter names"),
        ({"expected": KeyError}, TypeError, "expected=(KeyError,)"),
        ({"expected": (KeyboardInterrupt,)}, TypeError, "exception classes"),
        ({"code": "full"}, ValueError, "full"),
        ({"messages": "no"}, TypeError, "messages"),
    ],
)
def test_bad_values_are_refused_with_the_right_form(settings, error, hint):
    """A wrong value is an error at decoration that shows what to write."""
    with pytest.raises(error) as caught:
        Traced(**settings)
    assert hint in str(caught.value)


def test_a_sensitive_task_refuses_named_arguments():
    """Recording values of a sensitive task is a contradiction, and refused where it is written."""
    with pytest.raises(InvalidTask):
        task(Traced(arguments=("x",)), sensitive=True)(lambda x: x)
    assert task(Traced(messages=False), sensitive=True)(lambda x: x).sensitive


def test_sensitive_tasks_do_not_take_arguments_from_the_session(kept):
    """A session that records an argument by default leaves it out of sensitive tasks."""
    with Session(Tracing(), kept, defaults=[Traced(arguments=("x",))], inherit=False):
        task(name="open")(lambda x: x)("seen")
        task(name="closed", sensitive=True)(lambda x: x)("canary")
    assert kept.span("open").attributes["pegboard.argument.x"] == "seen"
    assert "canary" not in kept.span("closed").to_json()


def test_a_name_that_is_no_parameter_is_refused(session):
    """A misspelt argument would be missing silently, so the task does not run."""
    misspelt = task(Traced(arguments=("dya",)), name="load")(lambda day: day)
    with pytest.raises(BindError, match=r"dya.*load.*day"):
        misspelt(1)


def test_defaults_may_name_what_only_some_tasks_have(kept):
    """A session's default records the argument where there is one."""
    with Session(Tracing(), kept, defaults=[Traced(arguments=("day",))], inherit=False):
        task(name="has")(lambda day: day)(1)
        task(name="has not")(lambda x: x)(2)
    assert kept.span("has").attributes["pegboard.argument.day"] == 1
    assert not any("argument" in key for key in kept.span("has not").attributes)


def test_the_option_brings_the_plugin():
    """A task with `Traced` is traced without anything attached."""
    with Session(inherit=False) as session:
        task(Traced())(lambda: 1)()
        assert isinstance(session.plugins["tracing"], Tracing)
