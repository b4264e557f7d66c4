"""Options and plugins refuse wrong values in sentences that a person can read."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator
from typing import Any

import pytest

import pegboard
from pegboard import PegboardError
from pegboard._first_party import MEMBERS


class Odd:
    """A value that nobody expects."""


WRONG: tuple[Any, ...] = (
    *(Odd(), Odd, lambda: 1, -1, 0, 3.5, math.nan, math.inf, 10**400, True, None),
    *("", "x", b"x", "y" * 400, [], [1], ("x",), {}, {1}, list(range(2000))),
)
FITTING: dict[str, tuple[Any, ...]] = {
    "At": ("2030-01-01T00:00:00+00:00",),
    "Concurrency": (3,),
    "Cron": ("* * * * *",),
    "Dataset": ("csv", "sales.csv"),
    "Deadline": (3,),
    "Every": (3,),
    "Fallback": (3,),
    "Handle": (ValueError, print),
    "Load": ("key",),
    "NeedsSecrets": ("KEY",),
    "Persist": ("key",),
    "RateLimit": ("100/min",),
    "Timeout": (3,),
    "Undo": (print,),
    "When": (bool,),
}
MADE_BY_US = {
    "ArtifactRef",
    "OutputFormat",
    "Graph",
    "DependencyGraph",
}  # and enums, whose errors are Python's


def _classes(member: str) -> Iterator[type]:
    for name in {"core": ("On", "Priority", "Threads"), **MEMBERS}[member]:
        if name in MADE_BY_US:
            continue
        found = getattr(pegboard, name)
        if isinstance(found, type) and not issubclass(found, BaseException):
            yield found


def _calls(cls: type) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
    """Every argument with every wrong value, the others as they fit."""
    fitting = FITTING.get(cls.__name__, ())
    for index, parameter in enumerate(inspect.signature(cls).parameters.values()):
        for value in WRONG:
            if (parameter.name, value) == ("workers", 10**400):  # a wish that takes its time
                continue
            if parameter.kind is parameter.VAR_KEYWORD:
                continue
            if parameter.kind is parameter.KEYWORD_ONLY or index > len(fitting):
                yield fitting, {parameter.name: value}
            else:
                yield (*fitting[:index], value, *fitting[index + 1 :]), {}


def _fault_of(error: Exception) -> str:
    """Say what is wrong with the text of a refusal; nothing where it is fine."""
    text = str(error)
    if not isinstance(error, TypeError | ValueError | PegboardError | OSError):
        return f"is a {type(error).__name__}"
    if not isinstance(error, OSError) and max(map(len, text.splitlines() or [""])) > 300:
        return "has a line that is too long"
    for pythons in (
        "Attribute(",
        "object is not",
        "has no attribute",
        "not supported between",
        "argument must be",
    ):
        if pythons in text:
            return f"says {pythons!r}"
    return "" if text.strip() else "says nothing"


@pytest.mark.parametrize("member", ["core", *(name for name, provided in MEMBERS.items() if provided)])
def test_a_wrong_value_is_refused_in_a_readable_sentence(
    member: str, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Short, in words of its own, and of a class that is meant for it, for every argument of every option and plugin."""
    monkeypatch.chdir(tmp_path)
    faults = []
    for cls, args, kwargs in ((each, *call) for each in _classes(member) for call in _calls(each)):
        try:
            cls(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - judged below
            fault = _fault_of(error)
            if fault:
                faults.append((cls.__name__, args, kwargs, fault, str(error)[:200]))
    assert not faults, "\n".join(map(str, faults))


@pytest.mark.parametrize("member", ["core", *(name for name, provided in MEMBERS.items() if provided)])
def test_a_flag_is_true_or_false_and_nothing_that_counts_as_one(
    member: str, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A text "no" would turn on what it is to turn off."""
    monkeypatch.chdir(tmp_path)
    for cls in _classes(member):
        defaults = {p.name: p.default for p in inspect.signature(cls).parameters.values()}
        for flag in [name for name, value in defaults.items() if isinstance(value, bool) and name[0] != "_"]:
            with pytest.raises((TypeError, ValueError)) as refused:
                cls(*FITTING.get(cls.__name__, ()), **{flag: "no"})
            assert "True" in str(refused.value), (cls.__name__, flag)
