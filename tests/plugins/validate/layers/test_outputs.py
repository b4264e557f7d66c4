"""Results: checked after every attempt, in all kinds of task."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any, Literal, NamedTuple

import pytest
from pydantic import BaseModel, Field, RootModel

from pegboard import BindError, task
from pegboard.testing import Recorder
from pegboard_validate import InvalidOutput, OutputFormat, Validate


class Item(BaseModel):
    name: str
    price: float = 0.0


class Items(RootModel[list[Item]]):
    pass


@dataclasses.dataclass
class Point:
    x: int
    y: int = 0


class Pair(NamedTuple):
    left: int
    right: int


def given(value: Any) -> Any:
    return value


PEG = Item(name="peg")
FORMATS = [
    (OutputFormat.JSON, '{"a": [1]}', {"a": [1]}),
    (OutputFormat.JSON, "```json\n[1]\n```", [1]),
    (OutputFormat.JSON, "Here:\n```\n[1]\n```\nas asked", [1]),
    (OutputFormat.JSON, " 5 ", 5),
    (OutputFormat.JSON, {"a": object}, {"a": object}),
    (OutputFormat.JSON, [object], [object]),
    (OutputFormat.STRING, "```json", "```json"),
    (OutputFormat.TEXT, "", ""),
    (OutputFormat.RAW, object, object),
    (str, "5", "5"),
    (Item, PEG, PEG),
    (Item, {"name": "peg"}, PEG),
    (Item, '{"name": "peg"}', PEG),
    (Item, '```json\n{"name": "peg"}\n```', PEG),
    (Item | None, "null", None),
    (Items, '[{"name": "peg"}]', Items([PEG])),
    (list[Item], '[{"name": "peg"}]', [PEG]),
    (dict[str, int], '```\n{"a": "1"}\n```', {"a": 1}),
    (Point, '{"x": "1"}', Point(1)),
    (Point, Point(1), Point(1)),
    (Pair, ["1", 2], Pair(1, 2)),
    (int, "5", 5),
    (Annotated[int, Field(gt=3)], 5, 5),
    (Literal["a", "b"], "a", "a"),
    ({"name": "string"}, '{"name": "peg", "more": 1}', {"name": "peg", "more": 1}),
    ({"type": "object", "required": ["name"]}, '```json\n{"name": 1}\n```', {"name": 1}),
    ({"type": "string"}, "peg", "peg"),
    ({"enum": ["yes", "no"]}, "yes", "yes"),
    ("array", "[1]", [1]),
    ("string", "[1]", "[1]"),
]
REFUSED = [
    (OutputFormat.JSON, "hello", "", "json_invalid"),
    (OutputFormat.JSON, "", "", "json_invalid"),
    (OutputFormat.JSON, "NaN", "", "json_invalid"),
    (OutputFormat.JSON, None, "", "json_type"),
    (OutputFormat.JSON, 5, "", "json_type"),
    (OutputFormat.JSON, (1,), "", "json_type"),
    (OutputFormat.JSON, b"{}", "", "json_type"),
    (OutputFormat.STRING, None, "", "string_type"),
    (str, b"x", "", "string_type"),
    (Item, "hello", "", "json_invalid"),
    (Item, "[]", "", "model_type"),
    (Item, 5, "", "model_type"),
    (Item, None, "", "model_type"),
    (Item, Point(1), "", "model_type"),
    (Item, {"name": 5}, "name", "string_type"),
    (list[Item], '[{"name": "peg"}, {}]', "1.name", "missing"),
    (dict[str, int], {"a": "x"}, "*", "int_parsing"),
    (int, "x", "", "int_parsing"),
    (Annotated[int, Field(gt=3)], 3, "", "greater_than"),
    (Literal["a", "b"], "c", "", "literal_error"),
    ({"name": "string"}, "{}", "name", "missing"),
    ({"type": "string"}, 5, "", "type"),
    ({"enum": ["yes", "no"]}, "maybe", "", "enum"),
]


@pytest.mark.parametrize(("output", "value", "expected"), FORMATS)
def test_what_fits(session, any_kind, value_of, output, value, expected):
    """A value that fits is returned as what was asked for, in all four kinds."""
    found = value_of(any_kind(given, Validate(output=output)), value)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(("output", "value", "field", "kind"), REFUSED)
def test_what_does_not_fit(session, any_kind, output, value, field, kind):
    """Another value is an error that names the first field, after an attempt that has run."""
    result = any_kind(given, Validate(output=output)).run(value)
    assert type(result.error) is InvalidOutput
    assert result.error.errors[0] == (field, kind)
    assert (result.error.field, result.error.task, result.attempts) == (field, "given", 1)


def test_strict_output(session):
    """`strict=True` coerces no value, and reads JSON as JSON is read strictly."""
    probe = task(Validate(output=list[int], strict=True))(given)
    assert probe("[1]") == [1]
    assert probe.run(["1"]).error.errors == (("0", "int_type"),)
    assert probe.run('["1"]').error.errors == (("0", "int_type"),)


def annotated(value) -> Item:
    return value


def stream(*values) -> Iterator[Item]:
    yield from values


async def async_stream(*values) -> AsyncIterator[Item]:
    for value in values:
        yield value


def nothing(value) -> None:
    return value


@pytest.mark.parametrize("output", [True, OutputFormat.PYDANTIC])
def test_by_the_return_annotation(session, both, output):
    """`True` and `PYDANTIC` check against the return annotation."""
    probe = both(annotated, Validate(output=output))
    assert probe.run({"name": "peg"}).value == PEG
    assert probe.run({}).error.field == "name"


def test_none_is_a_return_annotation(session):
    """A task that says it returns None has to."""
    probe = task(Validate(output=True))(nothing)
    assert probe(None) is None
    assert probe.run(1).error.errors == (("", "none_required"),)


@pytest.mark.parametrize("body", [given, nothing, stream], ids=["none", "another", "stream"])
def test_pydantic_needs_a_model(session, body):
    """`OutputFormat.PYDANTIC` on a task whose return annotation is no model is refused."""
    probe = task(Validate(output=OutputFormat.PYDANTIC))(body)
    if body is stream:  # the items of which are one
        assert list(probe({"name": "peg"})) == [PEG]
        return
    with pytest.raises(BindError, match="names no pydantic model"):
        probe(1)


@pytest.mark.parametrize("body", [stream, async_stream], ids=["sync", "async"])
@pytest.mark.parametrize("output", [True, Item])
def test_every_item_of_a_stream(session, body, output):
    """Each item is checked before anybody sees it; the items before a wrong one have arrived."""
    probe = task(Validate(output=output))(body)
    recorder = Recorder()
    session.register(recorder)
    result = probe.run({"name": "a"}, '{"name": "b"}', {"name": 3}, {"name": "d"})
    assert [event.details["item"] for event in recorder.of("on_iteration")] == [
        Item(name="a"),
        Item(name="b"),
    ]
    assert result.error.field == "name"
    assert "at index 2" in str(result.error)


def test_a_stream_that_fails_is_closed(session):
    """The generator of a stream whose item does not fit gets to its `finally`, before the error is seen."""
    ended = []

    @task(Validate(output=int))
    def work() -> Iterator[Any]:
        try:
            yield "x"
        finally:
            ended.append(True)

    with pytest.raises(InvalidOutput):
        next(work())
    assert ended == [True]


def test_a_wrong_result_is_an_error_of_the_call(session):
    """The outcome of the call is the error, told to `on_error`, after an attempt that ended without one."""
    recorder = Recorder()
    session.register(recorder)
    task(Validate(output=int))(given).run("x")
    assert recorder.log() == [
        "before_execute",
        "before_attempt 1",
        "after_attempt 1",
        "on_error InvalidOutput",
        "after_execute error/run 1",
    ]


class Tree(BaseModel):
    children: list[Tree] = []


def nested(depth):
    value = {}
    for _ in range(depth):
        value = {"children": [value]}
    return value


@pytest.mark.parametrize(
    "output",
    [Tree, {"type": "object", "properties": {"children": {"items": {"$ref": "#"}}}}],
    ids=["pydantic", "JSON Schema"],
)
def test_values_nested_without_end(session, output):
    """A value deep enough to break the interpreter's stack, or inside itself, is a value that does not fit."""
    endless = {}
    endless["children"] = [endless]
    probe = task(Validate(output=output))(given)
    for value in (endless, nested(20_000)):
        error = probe.run(value).error
        assert type(error) is InvalidOutput
        assert error.errors[0][1].startswith("recursion")


@pytest.mark.parametrize("output", [Tree, OutputFormat.JSON, {"children": "array"}])
@pytest.mark.parametrize("text", ["[" * 200_000, '{"a":' * 200_000, "[" * 101 + "]" * 101, "[]" * 5_000_001])
def test_text_nested_without_end(session, output, text):
    """Text deeper than 100 levels, or longer than ten million characters, is refused without being parsed."""
    error = task(Validate(output=output))(given).run(text).error
    assert type(error) is InvalidOutput
    assert error.errors[0][1] in ("json_too_deep", "json_too_large")
