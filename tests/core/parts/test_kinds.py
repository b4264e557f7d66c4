"""Which values a text may stand for, by an annotation."""

# ruff: noqa: UP007, UP045, PYI061 - annotations as others write them
from __future__ import annotations

import collections.abc
import enum
import os
import typing
from pathlib import Path
from typing import Annotated, Any, Literal, NewType, Optional, Union

import pytest

from pegboard import Secret
from pegboard.parts.kinds import NO, is_open, kinds_of

Level = Literal["low", "high"]
Seconds = float | None
Port = NewType("Port", int)


class Colour(enum.Enum):
    RED = 1


def value(annotation: object, text: str) -> Any:
    """What the first kind makes of a text that takes it."""
    found = [kind.convert(text) for kind in kinds_of(annotation, globals())]
    return next((each for each in found if each is not NO), NO)


@pytest.mark.parametrize(
    ("annotation", "text", "expected"),
    [
        (int, " 4\n", 4),
        (float, "1e3", 1000.0),
        (bool, " Yes ", True),
        (str, " a ", " a "),
        (Path, "/data", Path("/data")),
        (os.PathLike[str], "/data", Path("/data")),
        (str | os.PathLike[str], "/data", "/data"),
        (int | None, "", None),
        (Optional[int], "", None),
        (Union[int, str, None], "a", "a"),
        (Literal["a", "b"], "b", "b"),
        (Literal["a", 3, True], "3", 3),
        (Literal["a", True], "yes", True),
        (Literal["a", None], "", None),
        (Optional[Level], "low", "low"),
        (Annotated[int, "whole"], "4", 4),
        (Annotated[int | None, "whole"], "", None),
        (Port, "4", 4),
        (list[str], "a, b", ["a", "b"]),
        (typing.List[str], "a", ["a"]),  # noqa: UP006 - as many write it
        (collections.abc.Iterable[str], "a,b", ["a", "b"]),
        (collections.abc.Sequence[str] | None, "", None),
        (tuple[str, ...], "a,b", ("a", "b")),
        (frozenset[str], "a", frozenset("a")),
        (set[str], "", set()),
        (dict[str, str], "a=b", {"a": "b"}),
        (typing.Mapping[str, str], "a=b,c=", {"a": "b", "c": ""}),
        (Secret[str], "abc", "abc"),
        (str | Secret[str] | None, "abc", "abc"),
        (typing.ForwardRef("int | None"), "", None),
    ],
    ids=repr,
)
def test_an_object_says_what_a_text_is(annotation: object, text: str, expected: object) -> None:
    """As it is where a module does not put its annotations off."""
    found = value(annotation, text)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("annotation", "text", "expected"),
    [
        ("int", "4", 4),
        ("  int | None", "", None),
        ("typing.Optional[int]", "", None),
        ("t.Union[int, None]", "", None),
        ("Optional['int']", "4", 4),
        ("'int' | None", "4", 4),
        ("Annotated[int, Whole(least=1)]", "4", 4),
        ("t.Literal['a.b', 'c']", "a.b", "a.b"),
        ("pathlib.Path", "/data", Path("/data")),
        ("pegboard.Secret[str]", "abc", "abc"),
        ("os.PathLike[str] | str", "/data", "/data"),
        ("collections.abc.Mapping[str, str]", "a=b", {"a": "b"}),
        ("Level", "low", "low"),
        ("Level | None", "", None),
        ("Seconds", "0.5", 0.5),
        ("Port", "4", 4),
        ("str | Client", "a", "a"),
    ],
)
def test_a_text_says_what_a_text_is(annotation: str, text: str, expected: object) -> None:
    """With any names before it, and aliases of the module; members that no text can be are left out."""
    found = value(annotation, text)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    "annotation", [Secret[str], "str | Secret[str] | None", "pegboard.Secret[str]"], ids=repr
)
def test_a_parameter_may_take_a_secret(annotation: object) -> None:
    """Rather than the text that it is made of."""
    assert next(kind.is_secret for kind in kinds_of(annotation, globals()) if kind.what == "a text")


def test_a_flag_that_is_no_choice_is_none() -> None:
    """Though its words are those of flags."""
    assert value(Literal["a", True], "off") is NO


NO_TEXTS: list[Any] = [
    object,
    Any,
    None,
    bytes,
    list[int],
    Colour,
    Literal[Colour.RED],
    dict[str, int],
    collections.abc.Callable[[], int],
    "object",
    "None",
    "Client",
    "Client | None",
    "Literal[Colour.RED]",
    "Callable[[], int]",
    "list[int]",
    "]",
    "",
    "3",
]


@pytest.mark.parametrize("annotation", NO_TEXTS, ids=repr)
def test_others_take_no_text(annotation: object) -> None:
    """Whatever else is in the annotation."""
    assert kinds_of(annotation, globals()) == []


@pytest.mark.parametrize(
    ("annotation", "said"),
    [
        ("bool | Level | None", ["empty", "one of low, high", "true or false"]),
        ("int | str | Path", ["a whole number", "a text", "a path"]),
    ],
)
def test_the_narrowest_kind_comes_first(annotation: str, said: list[str]) -> None:
    """Or a text would never be anything else."""
    assert [kind.what for kind in kinds_of(annotation, globals())] == said


@pytest.mark.parametrize(
    ("annotation", "given", "expected"),
    [
        ("int", 3, True),
        ("str", 3, True),
        ("str", "3", False),
        ("Level", "low", True),
        ("Level | str", "s3cr3t", False),
        ("object", None, True),
        ("list[str]", ["a"], False),
    ],
)
def test_what_cannot_be_a_secret_may_be_shown(annotation: str, given: object, expected: bool) -> None:
    """Numbers, flags, and words that are written down already."""
    assert is_open(given, kinds_of(annotation, globals())) is expected
