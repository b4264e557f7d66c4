"""The tree of errors: complete, exported, and able to travel."""

from __future__ import annotations

import asyncio
import inspect
import pickle
import re

import pytest

import pegboard
from pegboard import PegboardError, Suspended, errors
from pegboard.errors import is_parked
from pegboard.records import error_type, status_of

CLASSES = {
    name: value
    for name, value in vars(errors).items()
    if inspect.isclass(value) and issubclass(value, BaseException) and value.__module__ == errors.__name__
}
OWN = [cls for cls in CLASSES.values() if issubclass(cls, PegboardError)]


def test_the_tree_in_the_docstring_is_the_tree_of_classes() -> None:
    """Every error stands in the tree under its parent, and nothing else does."""
    drawn: dict[str, str] = {}
    above: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"    ([│ ]*)(?:[├└]── )?([A-Z]\w+)", line)
        if match:
            depth = 0 if not re.search(r"[├└]", line) else 1 + len(match[1]) // 4
            above[depth:] = [match[2]]
            drawn[match[2]] = above[depth - 1] if depth else ""
    parents = {cls.__name__: cls.__bases__[0].__name__ for cls in OWN if cls is not PegboardError}
    assert drawn == {"PegboardError": "", **parents}


def test_every_error_is_exported() -> None:
    """`pegboard.<Error>` is there for each, the suspension included."""
    assert sorted(CLASSES) == sorted(name for name in pegboard.__all__ if name in CLASSES)


@pytest.mark.parametrize("cls", OWN, ids=lambda cls: cls.__name__)
def test_an_error_survives_pickling_with_its_facts(cls: type[PegboardError]) -> None:
    """Text, attributes, type and notes are the same on the other side."""
    parts = {"errors": {0: ValueError()}} if issubclass(cls, ExceptionGroup) else {}
    error = cls("what happened", plugin="p", seconds=1.5, **parts)
    error.add_note("noted")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is cls
    assert (str(again), again.plugin, again.seconds) == ("what happened", "p", 1.5)
    assert again.__notes__ == ["noted"]


@pytest.mark.parametrize("cls", OWN, ids=lambda cls: cls.__name__)
def test_every_error_says_when_it_is_raised(cls: type[PegboardError]) -> None:
    """The first line of its docstring is "Raised when ..." or what it is the base of."""
    first = (cls.__doc__ or "").partition("\n")[0]
    assert first.startswith(("Raised ", "Base of")), first


@pytest.mark.parametrize(
    ("cls", "builtin"),
    [
        (errors.MissingPlugin, ImportError),
        (errors.InvalidPlugin, TypeError),
        (errors.InvalidTask, TypeError),
        (errors.InvalidName, ValueError),
        (errors.UnsupportedTask, TypeError),
        (errors.ConfigError, ValueError),
        (errors.UnknownEvent, LookupError),
        (errors.TaskTimeout, TimeoutError),
    ],
    ids=lambda cls: cls.__name__,
)
def test_errors_are_the_builtin_ones_that_people_expect(cls: type, builtin: type) -> None:
    """`except TimeoutError` catches a TaskTimeout, and so on."""
    assert issubclass(cls, builtin)


def test_a_suspension_is_no_exception() -> None:
    """No handler in a body can swallow it."""
    assert not issubclass(errors.Suspended, Exception)


def test_the_type_of_an_error_is_named_for_spans_and_metrics_alike() -> None:
    """The qualified class, a builtin one bare, and nothing where nothing failed."""
    assert error_type(ValueError("x")) == "ValueError"
    assert error_type(errors.TaskTimeout("x")) == "pegboard.errors.TaskTimeout"
    assert error_type(KeyboardInterrupt()) == "KeyboardInterrupt"
    for no_failure in (None, asyncio.CancelledError(), GeneratorExit(), errors.Suspended()):
        assert error_type(no_failure) == ""


@pytest.mark.parametrize(
    ("error", "parked"),
    [
        (Suspended(), True),
        (BaseExceptionGroup("", [Suspended(), BaseExceptionGroup("", [Suspended()])]), True),
        (BaseExceptionGroup("", [Suspended(), KeyError()]), False),
        (KeyError(), False),
        (KeyboardInterrupt(), False),
        (PegboardError("x"), False),
        (type("Later", (PegboardError,), {"parked": True})("x"), True),
    ],
)
def test_what_parks_a_call_is_a_suspension_or_says_so(error, parked) -> None:
    """And a group of nothing else; its status is `suspended`, but for an Exception's."""
    assert is_parked(error) is parked
    if not isinstance(error, Exception):
        assert (status_of(error) == "suspended") is parked
