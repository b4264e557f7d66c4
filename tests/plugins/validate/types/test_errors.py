"""What pydantic's errors become: every field, and nothing of any value."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import json
import uuid
from typing import Annotated, Any, Literal, NamedTuple

import pytest
from pydantic import (
    AnyUrl,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Json,
    Tag,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from pegboard import task
from pegboard_validate import Validate


class Colour(enum.Enum):
    RED = "red"


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]


class Pet(BaseModel):
    pet: Annotated[Cat | Dog, Field(discriminator="kind")]


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")
    a: int = 0


class Aliased(BaseModel):
    number: int = Field(validation_alias="theNumber")


@dataclasses.dataclass
class Point:
    x: int


class Pair(NamedTuple):
    left: int


def custom(kind):
    """Make a model whose validator answers a wrong value in one of several ways."""

    def judge(value):
        if kind == "quotes":
            raise ValueError(f"{value} is not allowed")
        if kind == "quotes in part":
            raise ValueError(f"no {value!r}!")
        if kind == "custom error":
            raise PydanticCustomError("my_kind", "not {value}", {"value": value})
        if kind == "another model":
            return Closed.model_validate({"a": value})
        raise ValueError("must be even")

    class Model(BaseModel):
        a: Annotated[Any, BeforeValidator(judge)]

    return Model


CASES = [
    (int, lambda c: c),
    (float, lambda c: c),
    (bool, lambda c: c),
    (dt.date, lambda c: c),
    (dt.datetime, lambda c: f"2024-01-01T{c}"),
    (dt.timedelta, lambda c: c),
    (decimal.Decimal, lambda c: c),
    (uuid.UUID, lambda c: c),
    (AnyUrl, lambda c: c),
    (Json[int], lambda c: f'"{c}"'),
    (Json[int], lambda c: c),
    (Colour, lambda c: c),
    (Literal["a"], lambda c: c),
    (Annotated[str, Field(max_length=3)], lambda c: c),
    (Annotated[str, Field(pattern="^x")], lambda c: c),
    (Pet, lambda c: {"pet": {"kind": c}}),
    (Pet, lambda c: {"pet": {c: 1}}),
    (Closed, lambda c: {c: 1}),
    (dict[str, int], lambda c: {c: "x"}),
    (dict[str, dict[str, int]], lambda c: {c: {c: "x"}}),
    (dict[int, int], lambda c: {c: 1}),
    (list[int | list[int]], lambda c: [c]),
    (Point, lambda c: {"x": c}),
    (Point, lambda c: c),
    (Pair, lambda c: [c]),
    (custom("quotes"), lambda c: {"a": c}),
    (custom("quotes in part"), lambda c: {"a": [c]}),
    (custom("custom error"), lambda c: {"a": c}),
    (custom("another model"), lambda c: {"a": c}),
    (custom("another model"), lambda c: {"a": c + "x" * 100}),
    (OSError, lambda c: c),
]


@pytest.mark.parametrize("sensitive", [False, True], ids=["", "sensitive"])
@pytest.mark.parametrize(("output", "wrong"), CASES)
def test_no_value_is_shown(session, canary, shown, output, wrong, sensitive):
    """The value is in no message, repr, fact, traceback, cause, context or pickle."""

    def body(value):
        return value

    value = wrong(canary)
    for option in (Validate(output=output), Validate(inputs={"value": output})):
        error = task(option, sensitive=sensitive)(body).run(value).error
        assert error.errors
        assert canary not in shown(error)


@pytest.mark.parametrize(
    "output",
    [output for output, wrong in CASES if isinstance(output, type) and issubclass(output, BaseModel)],
)
def test_no_text_is_shown(session, canary, shown, output):
    """The same where the value is read from text."""
    for text in (json.dumps({"a": canary, "pet": canary, canary: canary}), f'{{"a": {canary}', canary):
        error = task(Validate(output=output))(lambda text: text).run(text).error
        if error is not None:  # a model that takes anything under a name of its own
            assert canary not in shown(error)


def error_of(output, value, **settings):
    return task(Validate(output=output), **settings)(lambda: value).run().error


@pytest.mark.parametrize(
    ("output", "value", "field", "line"),
    [
        (int, "x", "", "Input should be a valid integer, unable to parse string as an integer (int_parsing)"),
        (Literal["a", "b"], "x", "", "Input should be 'a' or 'b' (literal_error)"),
        (
            Annotated[int, Field(ge=3)],
            1,
            "",
            "Input should be greater than or equal to 3 (greater_than_equal)",
        ),
        (uuid.UUID, "x", "", "Input should be a valid UUID (uuid_parsing)"),
        (
            Pet,
            {"pet": {"kind": "x"}},
            "pet",
            "Input should have one of the expected tags (union_tag_invalid)",
        ),
        (Pet, {"pet": {"kind": "cat"}, "x": 1}, None, None),
        (Pet, {}, "pet", "Field required (missing)"),
        (Closed, {"x": 1}, "*", "Extra inputs are not permitted (extra_forbidden)"),
        (
            Aliased,
            {"theNumber": "x"},
            "theNumber",
            "Input should be a valid integer, unable to parse string as an integer (int_parsing)",
        ),
        (
            list[Point],
            [{"x": 1}, {"x": "y"}],
            "1.x",
            "Input should be a valid integer, unable to parse string as an integer (int_parsing)",
        ),
        (list[int | bool], [object()], "0", None),
        (dict[str, Point], {"k": {"x": "y"}}, "*.x", None),
        (dict[int, Point], {7: {"x": "y"}}, "*.x", None),
        (custom("even"), {"a": 3}, "a", "must be even (value_error)"),
        (custom("custom error"), {"a": "x"}, "a", "my_kind"),
        (custom("quotes"), {"a": "x"}, "a", "value_error"),
    ],
)
def test_what_an_error_tells(session, output, value, field, line):
    """Each field by its dotted path, what was expected, and pydantic's kind; an author's text that quotes nothing."""
    error = error_of(output, value)
    if field is None:
        assert error is None
        return
    assert error.field == field
    if line is not None:
        assert str(error).splitlines()[1] == f"- {field or 'the value itself'}: {line}"


def test_what_a_sensitive_task_tells(session):
    """Of a sensitive task the message holds path and kind alone, and no text of an author."""
    assert str(error_of(custom("even"), {"a": 3}, sensitive=True)).splitlines()[1] == "- a: value_error"
    assert str(error_of(int, "x", sensitive=True)).splitlines()[1] == "- the value itself: int_parsing"


class Span(BaseModel):
    low: int
    high: int

    @model_validator(mode="after")
    def _in_order(self) -> Span:
        if self.low > self.high:
            raise ValueError("low must not exceed high")
        return self

    @field_validator("low")
    @classmethod
    def _small(cls, value: int) -> int:
        if value >= 100:
            raise AssertionError(
                "low has to be small"
            )  # an `assert` would quote the value, rewritten by pytest
        return value


def test_validators_of_a_model(session):
    """Texts of `ValueError` and `AssertionError` in validators say what was expected."""
    assert (
        str(error_of(Span, {"low": 3, "high": 1})).splitlines()[1]
        == "- the value itself: low must not exceed high (value_error)"
    )
    assert (
        str(error_of(Span, {"low": 300, "high": 1})).splitlines()[1].startswith("- low: low has to be small")
    )


ENDLESS: dict[str, Any] = {}
ENDLESS["self"] = ENDLESS


class WithDefault(BaseModel):
    count: int
    rest: dict[str, Any] = ENDLESS


def test_a_default_that_holds_itself(session):
    """Looking for the names of a type ends, whatever its defaults are."""
    assert error_of(WithDefault, {"count": "x"}).field == "count"


def test_another_error_of_a_validator(session):
    """An error that pydantic does not take for a judgement leaves as itself."""
    boom = KeyError("boom")

    def judge(value):
        raise boom

    assert error_of(Annotated[int, BeforeValidator(judge)], 1) is boom


def test_tags_of_a_callable_discriminator(session):
    """The names of tags in a path are the type's own, and shown."""
    kinds = Annotated[
        Annotated[Point, Tag("point")] | Annotated[Closed, Tag("closed")],
        Discriminator(lambda value: "point" if isinstance(value, dict) and "x" in value else "closed"),
    ]
    assert error_of(list[kinds], [{"x": "y"}]).field == "0.point.x"
