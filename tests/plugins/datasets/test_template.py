"""Templates of keys: what they may hold, and what values become."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import uuid

import numpy as np
import pytest

from pegboard import Secret
from pegboard_datasets import InvalidKey
from pegboard_datasets._template import KeyTemplate


class Colour(enum.Enum):
    RED = "red"


@pytest.mark.parametrize(
    "text",
    [
        "{x.__class__.__init__.__globals__}",
        "{x[0]}",
        "{x!r}",
        "{x:>9999999999}",
        "{}",
        "{0}",
        "{x",
        "x}",
        "{ x }",
        "{x-y}",
        "../{x}",
        "/{x}",
        "a//{x}",
        "{x}\n",
        "",
        "c:/{x}",
    ],
    ids=ascii,
)
def test_templates_that_hold_more_than_parameters_are_refused(text) -> None:
    """Attributes, indexes, conversions, format specs, positions and odd braces are refused where they are written."""
    with pytest.raises(InvalidKey):
        KeyTemplate.parse(text)


def test_another_type_is_refused() -> None:
    """A template is text."""
    with pytest.raises(InvalidKey, match="is an int"):
        KeyTemplate.parse(3)


def test_unknown_placeholders_are_refused_with_the_known_ones() -> None:
    """A placeholder is a parameter of the task or `map_index`, and the error lists them."""
    template = KeyTemplate.parse("{day}/{oops}.json")
    template.check("f", ["day", "oops"])
    with pytest.raises(InvalidKey, match=r"\{oops\}.*\n.*\{day\}, \{map_index\}"):
        template.check("f", ["day"])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("2024-01", "2024-01"),
        (7, "7"),
        (True, "True"),
        (-1.5, "-1.5"),
        (np.int64(3), "3"),
        (decimal.Decimal("1.10"), "1.10"),
        (dt.date(2024, 1, 31), "2024-01-31"),
        (dt.datetime(2024, 1, 31, 12, 30, tzinfo=dt.UTC), "2024-01-31T12-30-00+00-00"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Colour.RED, "red"),
        ("ä ö", "ä ö"),
    ],
    ids=str,
)
def test_values_are_rendered_as_one_plain_text(value, text) -> None:
    """Text, numbers, dates, UUIDs and enums of them name files; a colon of a time becomes a dash."""
    assert KeyTemplate.parse("a/{x}.json").render({"x": value}, None) == f"a/{text}.json"


@pytest.mark.parametrize(
    "value", [None, object(), [1], {"a": 1}, b"x", Secret("hidden")], ids=lambda v: type(v).__name__
)
def test_values_without_one_plain_text_are_refused(value) -> None:
    """No default repr, container or secret becomes the name of a file; the error names parameter and type only."""
    with pytest.raises(InvalidKey) as caught:
        KeyTemplate.parse("{x}.json").render({"x": value}, None)
    assert caught.value.parameter == "x"
    assert type(value).__name__ in str(caught.value)
    assert "hidden" not in str(caught.value)


def test_hostile_values_are_refused(hostile) -> None:
    """No value can climb, begin at the root, add a folder or break a line."""
    for text in ("{x}.json", "a/{x}/b.json", "a/{x}"):
        if text == "{x}.json" and hostile in {"x.", "x. "}:
            continue  # "x..json" is a name like others
        with pytest.raises(InvalidKey):
            KeyTemplate.parse(text).render({"x": hostile}, None)


def test_a_refused_value_is_not_shown() -> None:
    """The error says which parameter and what is wrong with it, and not its value."""
    with pytest.raises(InvalidKey) as caught:
        KeyTemplate.parse("{x}.json").render({"x": "canary/../x"}, None)
    assert "canary" not in str(caught.value)
    assert "parameter 'x'" in str(caught.value)


def test_map_index_needs_a_map() -> None:
    """In a map the index is filled in; outside of one there is none, and files of several calls would be one."""
    template = KeyTemplate.parse("{map_index}.json")
    assert template.render({}, 4) == "4.json"
    with pytest.raises(InvalidKey, match="not made by a map"):
        template.render({}, None)


def test_a_parameter_called_map_index_wins() -> None:
    """As in the names of tasks."""
    assert KeyTemplate.parse("{map_index}.json").render({"map_index": 9}, 4) == "9.json"


def test_doubled_braces_are_literal() -> None:
    """`{{x}}` is the text `{x}`."""
    assert KeyTemplate.parse("{{x}}-{y}").render({"y": 1}, None) == "{x}-1"
