"""Words of the command line, by the type of the parameter that they are for."""

from __future__ import annotations

import datetime as dt
import enum
from collections import deque
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, NewType
from uuid import UUID

import pytest

from pegboard_cli._convert import convert


class Colour(enum.Enum):
    red = "r"
    blue = 2


class Point(NamedTuple):
    x: int
    label: str


Name = NewType("Name", str)


@pytest.mark.parametrize(
    ("annotation", "words", "value"),
    [
        (tuple[int, str], ["1", "b"], (1, "b")),
        (tuple[int, str], ['[1, "b"]'], (1, "b")),
        (tuple[int, ...], ["1"], (1,)),
        (tuple[int, ...] | None, ["1", "2"], (1, 2)),
        (tuple, ["1", "b"], (1, "b")),
        (Point, ["1", "b"], Point(1, "b")),
        (list[int] | None, ["5", "6"], [5, 6]),
        (list[int] | None, ["5"], [5]),
        (list[int] | None, ["none"], None),
        (list[str] | None, ["none"], ["none"]),
        (list[list[int]], ["[1]", "[2, 3]"], [[1], [2, 3]]),
        (list[tuple[int, str]], ['[1, "a"]', '[2, "b"]'], [(1, "a"), (2, "b")]),
        (list[Path], ['["a", "b"]'], [Path("a"), Path("b")]),
        (set[int], ["1", "2", "1"], {1, 2}),
        (frozenset[str], ["a"], frozenset("a")),
        (Sequence[float], ["1", "2.5"], [1.0, 2.5]),
        (AbstractSet[int], ["1"], {1}),
        (deque[int], ["1", "2"], deque((1, 2))),
        (dict[str, int], ['{"a": 1}'], {"a": 1}),
        (dict[int, Path] | None, ['{"1": "a"}'], {1: Path("a")}),
        (int | str | list[int], ["5"], 5),
        (int | str | list[int], ["a"], "a"),
        (int | str | list[int], ["1", "2"], [1, 2]),
    ],
    ids=str,
)
def test_collections(annotation: Any, words: list[str], value: object) -> None:
    """A collection takes a word for each element, or all as JSON; in a union, too."""
    made = convert(words, annotation)
    assert (made, type(made)) == (value, type(value))


@pytest.mark.parametrize(
    ("annotation", "word", "value"),
    [
        (str, "none", "none"),
        (str | None, "none", "none"),
        (str | None, "null", "null"),
        (Path | None, "none", Path("none")),
        (int | None, "none", None),
        (int | None, "4", 4),
        (Annotated[int | None, "meta"], "4", 4),
        (Name | None, "none", "none"),
        (Literal["a", 1, True] | None, "1", 1),
        (Literal["a", 1, True] | None, "true", True),
        (Literal["none", "all"] | None, "none", "none"),
        (Colour | None, "red", Colour.red),
        (Colour | None, "r", Colour.red),
        (bool | int, "1", 1),
        (bool | int, "yes", True),
        (float, "1_000.5", 1000.5),
        (Decimal, "1.50", Decimal("1.50")),
        (dt.datetime, "2024-01-31T12:00:00+00:00", dt.datetime(2024, 1, 31, 12, tzinfo=dt.UTC)),
        (dt.date | None, "2024-01-31", dt.date(2024, 1, 31)),
        (dt.timedelta, "1.5", dt.timedelta(seconds=1.5)),
        (UUID, "12345678123456781234567812345678", UUID("12345678123456781234567812345678")),
        (bytes, "\udcff", b"\xff"),
        (Any, "NaN", "NaN"),
        (Any, "[" * 100_000, "[" * 100_000),
        (Any, "null", None),
    ],
    ids=lambda value: str(value)[:40],
)
def test_single_values(annotation: Any, word: str, value: object) -> None:
    """Text stays text wherever text may be; all else takes what it is written as."""
    made = convert([word], annotation)
    assert (made, type(made)) == (value, type(value))


@pytest.mark.parametrize(
    ("annotation", "words", "reason"),
    [
        (tuple[int, str], ["1", "b", "c"], "it takes 2 values (int, str), and is given 3"),
        (tuple[int, str], ["1"], "2 are needed (int, str)"),
        (list[int], ["[1, 2"], "is no JSON list such as"),
        (list[int] | None, ["a"], "'a' is no whole number"),
        (dict[str, int], ["[1]"], 'is no JSON object such as {"a": 1}'),
        (dict[str, int], ['{"a": "b"}'], "'b' is no whole number"),
        (list[str], ["[1]"], "1 is no str"),
        (int, ["1", "2"], "it takes one value, and is given 2"),
        (Decimal, ["x"], "'x' is no number"),
        (int, ["x" * 10_000], "…"),
        (Colour, ["grey"], "'grey' is none of red, blue"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_does_not_fit_is_told(annotation: Any, words: list[str], reason: str) -> None:
    """In a short sentence, with what would fit."""
    with pytest.raises(ValueError, match=r"\w") as refused:
        convert(words, annotation)
    assert reason in str(refused.value)
    assert len(str(refused.value)) < 300
