"""The errors: what they hold, and that they travel."""

from __future__ import annotations

import pickle

import pytest

from pegboard import PegboardError, task
from pegboard_validate import InvalidInput, InvalidJSON, InvalidOutput, Validate, extract_json


def of_input():
    task(Validate(inputs={"x": "number"}))(lambda x: x)("a")


def of_output():
    task(Validate(output={"x": ["number"]}))(lambda: {"x": [1, "a"]})()


def of_text():
    extract_json("hello")


@pytest.mark.parametrize(
    ("raises", "cls", "facts"),
    [
        (of_input, InvalidInput, {"task": "<lambda>", "field": "x", "errors": (("x", "number_type"),)}),
        (of_output, InvalidOutput, {"task": "<lambda>", "field": "x.1", "errors": (("x.1", "number_type"),)}),
        (of_text, InvalidJSON, {"kind": "json_invalid", "length": 5}),
    ],
)
def test_facts_and_travel(session, raises, cls, facts):
    """Names in the text are attributes, too, and survive pickling with it."""
    with pytest.raises(ValueError) as raised:
        raises()
    error = raised.value
    again = pickle.loads(pickle.dumps(error))
    for each in (error, again):
        assert type(each) is cls
        assert isinstance(each, PegboardError)
        assert {name: getattr(each, name) for name in facts} == facts
    assert str(again) == str(error)


def test_a_long_path_is_cut_in_the_message(session):
    """The message stays readable where a path is long; the facts have it in full."""
    schema: object = "number"
    value: object = "x"
    for _ in range(50):
        schema, value = {"name": schema}, {"name": value}
    error = task(Validate(output=schema))(lambda: value).run().error
    assert error.field == ".".join(["name"] * 50)
    assert len(str(error).splitlines()[1]) < 200


def test_they_have_no_cause(session):
    """The error of pydantic, which holds the value, is neither cause nor context."""
    error = task(Validate(output=int))(lambda: "x").run().error
    assert error.__cause__ is None
    assert error.__context__ is None
