"""Shorthand: seven names, and what they mean."""

from __future__ import annotations

import json

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pegboard import task
from pegboard_validate import InvalidOutput, Validate
from pegboard_validate._problem import Unfit
from pegboard_validate.json.shorthand import NAMES, shorthand_check

VALUES = {
    "string": ["", "x"],
    "number": [0, 1.5, -3],
    "integer": [0, 10**30],
    "boolean": [True, False],
    "array": [[], [1]],
    "object": [{}, {"a": 1}],
    "null": [None],
}
ALSO = {"number": {"integer"}, "integer": set()}
FLAT = st.sampled_from(sorted(NAMES))
SCHEMA = st.dictionaries(
    st.sampled_from("abc"),
    st.recursive(
        FLAT, lambda inner: st.dictionaries(st.sampled_from("abc"), inner, min_size=1), max_leaves=5
    ),
    min_size=1,
)
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner),
    max_leaves=6,
)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_names(name):
    """Each name takes its own values and no others; a bool is no number."""
    for other, values in VALUES.items():
        fits = other == name or other in ALSO.get(name, ()) or (name == "integer" and other == "number")
        for value in values:
            expected = fits and not (name == "integer" and isinstance(value, float))
            assert NAMES[name](value) is expected, (name, value)


def as_json_schema(shorthand):
    if isinstance(shorthand, str):
        return {"type": shorthand}
    properties = {name: as_json_schema(field) for name, field in shorthand.items()}
    return {"type": "object", "properties": properties, "required": sorted(shorthand)}


@given(SCHEMA, VALUE)
def test_the_same_as_json_schema(schema, value):
    """Shorthand means the JSON Schema of an object that requires every field it names."""
    fits = jsonschema.Draft202012Validator(as_json_schema(schema)).is_valid(value)
    try:
        assert shorthand_check(schema)(value) is value
    except Unfit:
        assert not fits
    else:
        assert fits


def test_every_problem_is_named(session):
    """The message names each field and what was expected, and no value."""
    schema = {"age": "number", "tags": ["string"], "home": {"city": "string"}, "gone": "null"}

    @task(Validate(output=schema))
    def work():
        return json.dumps({"age": True, "tags": ["a", 7], "home": {}, "gone": 0})

    with pytest.raises(InvalidOutput) as raised:
        work()
    assert raised.value.errors == (
        ("age", "number_type"),
        ("tags.1", "string_type"),
        ("home.city", "missing"),
        ("gone", "null_type"),
    )
    assert str(raised.value).splitlines() == [
        "task 'work' returned a value that does not fit:",
        "- age: a number was expected, not bool (number_type)",
        "- tags.1: a string was expected, not int (string_type)",
        "- home.city: this field is required (missing)",
        "- gone: null was expected, not int (null_type)",
        "Such an attempt has failed, and may be retried.",
    ]


def test_a_long_list_of_problems_is_cut(session):
    """The message names ten fields and counts the rest; `errors` has the first hundred."""

    @task(Validate(output=["string"]))
    def work():
        return [1] * 1000

    error = work.run().error
    assert len(error.errors) == 100
    assert len(str(error).splitlines()) == 13
    assert "- and 990 more" in str(error)
