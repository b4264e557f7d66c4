"""Decorators that make checked tasks, as other systems have them."""

from __future__ import annotations

import dataclasses
import inspect

import attrs
import pytest
from pydantic import BaseModel
from typing_extensions import TypedDict

from pegboard import InvalidTask, Option, Task, task
from pegboard_validate import (
    InvalidInput,
    InvalidOutput,
    OutputFormat,
    Validate,
    json_extraction_task,
    pydantic_task,
    string_task,
)


class Item(BaseModel):
    name: str


@dataclasses.dataclass
class Data:
    name: str


@attrs.define
class Attrs:
    name: str


class Typed(TypedDict):
    name: str


@attrs.frozen
class Marked(Option):
    """An option of nobody's."""

    @classmethod
    def plugin(cls) -> None:
        """Nobody reads it."""


@pytest.mark.parametrize(
    "make",
    [
        lambda: pydantic_task(Item),
        lambda: pydantic_task(model=Item),
        lambda: pydantic_task(model_class=Item),
        lambda: pydantic_task(Item, Marked(), name="other", description="d", tags="t", sensitive=True),
        lambda: pydantic_task(Marked(), model_class=Item),
    ],
)
@pytest.mark.parametrize(
    "text", [{"name": "peg"}, '{"name": "peg"}', '```json\n{"name": "peg"}\n```', Item(name="peg")]
)
def test_pydantic_task(session, make, text):
    """An instance, a dict, JSON text and fenced JSON become the model, however the model is given."""

    @make()
    def work(value):
        """Works."""
        return value

    assert work(text) == Item(name="peg")
    assert isinstance(work.run(3).error, InvalidOutput)
    assert type(work) is Task
    assert work.__doc__ == "Works."
    assert list(inspect.signature(work).parameters) == ["value"]


def test_further_settings():
    """What `task` takes, these take, too."""
    made = pydantic_task(Item, Marked(), name="other", description="d", tags="t", sensitive=True)(lambda: 1)
    assert (made.name, made.description, made.tags, made.sensitive) == ("other", "d", ("t",), True)
    assert [type(option) for option in made.options] == [Validate, Marked]
    assert json_extraction_task(Marked(), name="j")(lambda: 1).name == "j"
    assert string_task(name="s")(lambda: 1).name == "s"


@pytest.mark.parametrize("model", [Data, Attrs, Typed])
def test_other_records(session, model):
    """A dataclass, an attrs class or a TypedDict serves like a model."""
    made = pydantic_task(model)(lambda: '{"name": "peg"}')
    assert made() == model(name="peg")


@pytest.mark.parametrize(
    "make",
    [
        pydantic_task,
        lambda: pydantic_task(int),
        lambda: pydantic_task(Item(name="x")),
        lambda: pydantic_task(lambda value: value),
        lambda: pydantic_task(Item, model=Item),
        lambda: pydantic_task(model=Item, model_class=Item),
        lambda: pydantic_task(list[Item]),
    ],
)
def test_no_model(make):
    """No model, two models, or something else is refused where it is written."""
    with pytest.raises(InvalidTask, match="takes one model"):
        make()


def test_inputs_beside_the_model(session):
    """A `Validate` among the options may check the inputs; a second output is refused."""

    @pydantic_task(Item, Validate(inputs=True))
    def work(count: int):
        return {"name": "x" * count}

    assert work("2") == Item(name="xx")
    assert isinstance(work.run("y").error, InvalidInput)
    with pytest.raises(InvalidTask, match="checked already"):
        pydantic_task(Item, Validate(output=int))


def test_json_extraction_task(session):
    """A dict, JSON text and fenced JSON give the value; the error names the field."""

    @json_extraction_task(schema={"age": "number"})
    def work(value):
        return value

    for value in ({"age": 3}, '{"age": 3}', 'Sure:\n```json\n{"age": 3}\n```'):
        assert work(value) == {"age": 3}
    assert work.run('{"age": "3"}').error.field == "age"
    assert work.run('{"age": true}').error.field == "age"
    assert json_extraction_task(schema={"type": "array"})(lambda: "[1]")() == [1]


def test_json_of_any_form(session):
    """Without a schema any JSON does."""
    assert json_extraction_task()(lambda: "[1]")() == [1]
    assert isinstance(json_extraction_task()(lambda: "x").run().error, InvalidOutput)


def test_a_schema_that_is_none():
    """What is no schema is refused where it is written."""
    with pytest.raises(TypeError, match="schema is JSON Schema or shorthand"):
        json_extraction_task(schema=Item)
    with pytest.raises(ValueError, match="'nmber'"):
        json_extraction_task(schema={"age": "nmber"})


def test_string_task(session):
    """Bare or configured, only a str passes."""

    @string_task
    def bare(value):
        return value

    @string_task(Marked(), name="other")
    def configured(value):
        return value

    for probe in (bare, configured):
        assert probe("x") == "x"
        assert probe.run(3).error.errors == (("", "string_type"),)


class Desk:
    @pydantic_task(Item)
    def item(self, name):
        return {"name": name}

    @pydantic_task(Item)
    @classmethod
    def of_class(cls, name):
        return {"name": cls.__name__ + name}

    @string_task
    @staticmethod
    def static(value):
        return value


def test_in_a_class(session):
    """Methods, classmethods and staticmethods are tasks of their kind."""
    assert Desk().item("x") == Item(name="x")
    assert Desk.of_class("x") == Item(name="Deskx")
    assert Desk.static("x") == "x"


@pytest.mark.parametrize(
    ("made", "option"),
    [
        (pydantic_task(Item), Validate(output=Item)),
        (json_extraction_task(schema={"a": "null"}), Validate(output={"a": "null"})),
        (json_extraction_task(), Validate(output=OutputFormat.JSON)),
        (string_task(), Validate(output=OutputFormat.STRING)),
    ],
)
def test_they_are_options_by_another_name(made, option):
    """Each decorator is `@task` with a `Validate`."""
    assert made(len).options == task(option)(len).options == (option,)
