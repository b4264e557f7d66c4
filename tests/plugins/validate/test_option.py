"""What an option refuses, where it is written, and what it keeps."""

from __future__ import annotations

import pickle
from typing import Any, NewType

import pytest
from pydantic import BaseModel
from typing_extensions import TypeAliasType

from pegboard import InvalidTask, task
from pegboard_validate import OutputFormat, Validate


class Item(BaseModel):
    name: str


Names = NewType("Names", list[str])
Numbers = TypeAliasType("Numbers", list[int])


@pytest.mark.parametrize(
    ("wrong", "error", "says"),
    [
        ({"inputs": 1}, TypeError, "inputs is True"),
        ({"inputs": Item}, TypeError, "inputs is True"),
        ({"inputs": {}}, ValueError, "names no parameter"),
        ({"inputs": {1: "string"}}, TypeError, "names of parameters"),
        ({"inputs": {"age": "int"}}, ValueError, r"inputs\['age'\] is 'int'.* Did you mean 'integer'"),
        (
            {"inputs": {"type": "object", "properties": {"a": {"type": "x"}}}},
            ValueError,
            "no valid JSON Schema",
        ),
        ({"inputs": {"x": OutputFormat.RAW}}, ValueError, "says nothing of an argument"),
        ({"inputs": {"x": OutputFormat.PYDANTIC}}, ValueError, "says nothing of an argument"),
        ({"output": False}, TypeError, "None where nothing is checked"),
        ({"output": 3}, TypeError, "output is an instance of int"),
        ({"output": Item(name="x")}, TypeError, "an instance of Item"),
        ({"output": "text"}, ValueError, "output is 'text'"),
        ({"output": {}}, ValueError, "empty schema"),
        ({"output": {"a": {"b": 3}}}, TypeError, r"output\['a'\]\['b'\] is 3"),
        ({"output": {"a": ["string", "null"]}}, ValueError, "a list of 2"),
        ({"output": {1: "string"}}, TypeError, "names of fields"),
        ({"output": {"type": "object", "properties": {"a": {"minimum": "x"}}}}, ValueError, "minimum"),
        ({"output": {"type": "string", "pattern": "("}}, ValueError, "pattern"),
        ({"strict": 1}, TypeError, "strict is True or False"),
    ],
)
def test_what_is_refused_at_once(wrong, error, says):
    """An option that could check nothing, or not what was meant, fails where it is written."""
    with pytest.raises(error, match=says):
        Validate(**wrong)


@pytest.mark.parametrize(
    "spec",
    [
        int,
        Item,
        list[int],
        int | None,
        Any,
        Names,
        Numbers,
        OutputFormat.JSON,
        "array",
        {"a": "null"},
        [{"a": "string"}],
    ],
)
def test_what_is_taken(spec):
    """Types, annotations, formats, schemas and shorthand are taken, for results and for single parameters."""
    assert Validate(output=spec).output == spec
    assert Validate(inputs={"x": spec}).inputs == {"x": spec}


def test_formats_of_arguments(session):
    """An argument may be asked to be a string, or to be JSON, which is then parsed."""

    @task(Validate(inputs={"text": OutputFormat.TEXT, "data": OutputFormat.JSON}))
    def work(text, data):
        return text, data

    assert work("[1]", "[1]") == ("[1]", [1])
    assert work.run(1, "x").error.errors == (("text", "string_type"), ("data", "json_invalid"))


def test_aliases_of_containers_are_read_from_text(session):
    """A name given to a type with NewType or an alias changes nothing."""
    for spec, text, value in ((Names, '["a"]', ["a"]), (Numbers, "[1]", [1])):
        assert task(Validate(output=spec))(lambda text: text)(text) == value


def test_a_schema_is_copied():
    """Changing the schema afterwards does not change what is checked."""
    schema = {"a": {"b": "string"}}
    option = Validate(output=schema, inputs=schema)
    schema["a"]["b"] = "number"
    assert option.output == option.inputs == {"a": {"b": "string"}}


def test_keywords_only():
    """`Validate(Item)` could mean either side, so both are named."""
    with pytest.raises(TypeError):
        Validate(Item)


def test_text_is_a_synonym():
    """`OutputFormat.TEXT` is `OutputFormat.STRING`."""
    assert OutputFormat.TEXT is OutputFormat.STRING


def test_an_option_travels():
    """A task with the option can be pickled, as tasks are sent to workers."""
    option = Validate(inputs={"x": "number"}, output=Item, strict=True)
    assert pickle.loads(pickle.dumps(option)) == option


def test_twice_on_one_task():
    """The second `Validate` would silently replace the first."""
    with pytest.raises(InvalidTask, match="twice"):
        task(Validate(), Validate())(lambda: 1)
