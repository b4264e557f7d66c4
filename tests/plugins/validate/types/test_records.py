"""Attrs classes, dataclasses and TypedDicts, on their own and inside one another."""

from __future__ import annotations

import dataclasses
import typing

import attrs
import pytest
import typing_extensions

from pegboard import BindError, task
from pegboard_validate import Validate


@attrs.define
class Line:
    article: str
    _amount: int = attrs.field(default=1, validator=attrs.validators.gt(0))
    total: float = attrs.field(init=False, default=0.0)


@attrs.define
class Order:
    lines: list[Line]
    by_name: dict[str, Line | None] = attrs.field(factory=dict)
    note: typing.Annotated[str, "free"] = ""


@attrs.define
class Loop:
    next: Loop | None = None


class Typed(typing.TypedDict):
    a: int
    b: typing.NotRequired[str]


class Partial(typing.TypedDict, total=False):
    a: int
    b: typing.Required[Typed]


class Extended(typing_extensions.TypedDict):
    a: int
    b: typing_extensions.NotRequired[str]


@dataclasses.dataclass
class Data:
    a: int
    inner: list[Extended] = dataclasses.field(default_factory=list)


def check(output, value):
    return task(Validate(output=output))(lambda: value).run()


@pytest.mark.parametrize(
    ("output", "value", "expected"),
    [
        (Line, {"article": "peg", "amount": "2"}, Line("peg", 2)),
        (Line, Line("peg"), Line("peg")),
        (Order, '{"lines": [{"article": "peg"}]}', Order([Line("peg")])),
        (
            Order,
            {"lines": [], "by_name": {"x": {"article": "peg"}, "y": None}},
            Order([], {"x": Line("peg"), "y": None}),
        ),
        (list[Line], [{"article": "peg"}, Line("x")], [Line("peg"), Line("x")]),
        (Line | None, None, None),
        (typing.Optional[Line], '{"article": "peg"}', Line("peg")),  # noqa: UP045
        (dict[str, tuple[Line, ...]], {"a": [{"article": "peg"}]}, {"a": (Line("peg"),)}),
        (Typed, '{"a": "1"}', {"a": 1}),
        (Typed, {"a": 1, "b": "x"}, {"a": 1, "b": "x"}),
        (Partial, {"b": {"a": "1"}}, {"b": {"a": 1}}),
        (list[Typed], '[{"a": 1}]', [{"a": 1}]),
        (Extended, '{"a": "1"}', {"a": 1}),
        (Data, '{"a": 1, "inner": [{"a": "2"}]}', Data(1, [{"a": 2}])),
    ],
)
def test_what_fits(session, output, value, expected):
    """An instance passes; a dict or JSON text becomes one, field by field, nested ones too."""
    assert check(output, value).unwrap() == expected


@pytest.mark.parametrize(
    ("output", "value", "errors"),
    [
        (Line, {"amount": "x"}, (("article", "missing"), ("amount", "int_parsing"))),
        (Line, {"article": "peg", "amount": 0}, (("", "attrs_class"),)),
        (Line, {"article": "peg", "total": 3}, (("*", "extra_forbidden"),)),
        (Line, 3, (("", "dict_type"),)),
        (Order, {"lines": [{"article": 3}]}, (("lines.0.article", "string_type"),)),
        (Typed, {"b": 3}, (("a", "missing"), ("b", "string_type"))),
        (Partial, {"a": 1}, (("b", "missing"),)),
        (Extended, {"b": 3}, (("a", "missing"), ("b", "string_type"))),
        (Data, {"a": 1, "inner": [{}]}, (("inner.0.a", "missing"),)),
    ],
)
def test_what_does_not_fit(session, output, value, errors):
    """Each field that does not fit is named; what the class itself refuses is its own problem, without its text."""
    assert check(output, value).error.errors == errors


def test_a_class_that_holds_itself(session):
    """A recursive attrs class is refused at the first call, and the message says what to use."""
    with pytest.raises(BindError, match="Loop holds itself"):
        check(Loop, {}).unwrap()


class Unknown:
    """A class that pydantic does not know."""


def test_any_other_class(session):
    """Of another class an instance passes, and nothing becomes one."""
    thing = Unknown()
    assert check(Unknown, thing).value is thing
    assert check(list[Unknown], [thing]).value == [thing]
    assert check(Unknown, {}).error.errors == (("", "is_instance_of"),)
