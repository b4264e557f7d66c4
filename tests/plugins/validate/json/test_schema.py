"""JSON Schema: what is one, what is refused, and what an error tells."""

from __future__ import annotations

import http.server
import threading

import pytest

from pegboard import task
from pegboard_validate import Validate
from pegboard_validate.json.schema import is_json_schema


@pytest.mark.parametrize(
    ("schema", "is_one"),
    [
        ({"type": "object"}, True),
        ({"type": ["string", "null"]}, True),
        ({"properties": {"a": {}}}, True),
        ({"$schema": "https://json-schema.org/draft/2020-12/schema"}, True),
        ({"$ref": "#/$defs/a", "$defs": {"a": {}}}, True),
        ({"anyOf": [{"type": "string"}]}, True),
        ({"enum": ["a", "b"]}, True),
        ({"age": "number"}, False),
        ({"properties": "object"}, False),
        ({"type": {"a": "string"}}, False),
        ({"home": {"type": "string"}}, False),
    ],
)
def test_what_is_json_schema(schema, is_one):
    """A dict with `type`, `properties` or `$...` in their JSON Schema form is one; any other is shorthand."""
    assert is_json_schema(schema) is is_one
    Validate(output=schema)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "http://127.0.0.1:1/x"},
        {"properties": {"a": {"$ref": "other.json"}}},
        {"properties": {"a": {"items": [{"$dynamicRef": "https://example.com/x#y"}]}}, "type": "object"},
        {"allOf": [{"$ref": "file:///etc/passwd"}]},
        {"properties": {"default": {"$ref": "https://example.com/x"}}},
        {"properties": {"enum": {"$ref": "https://example.com/x"}}, "type": "object"},
    ],
)
def test_a_reference_to_elsewhere(schema):
    """A schema that would have to be fetched is refused where it is written."""
    with pytest.raises(ValueError, match="never fetched"):
        Validate(output=schema)


@pytest.mark.parametrize("schema", [{"$ref": "#/$defs/gone"}, {"properties": {"id": {"$ref": "#gone"}}}])
def test_a_reference_to_nothing(schema):
    """A reference to what is not in the schema is refused where it is written."""
    with pytest.raises(ValueError, match="which is not in it"):
        Validate(output=schema)


def test_references_within(session):
    """References to definitions and anchors are followed, recursive ones too."""
    schema = {
        "$defs": {
            "node": {"$anchor": "node", "required": ["n"], "properties": {"next": {"$ref": "#/$defs/node"}}}
        },
        "type": "object",
        "properties": {"first": {"$ref": "#node"}},
    }
    probe = task(Validate(output=schema))(lambda value: value)
    assert probe({"first": {"n": 1, "next": {"n": 2}}})
    assert probe.run({"first": {"n": 1, "next": {"n": 2, "next": {}}}}).error.field == "first.next.next.n"


def test_data_that_looks_like_a_reference(session):
    """What a schema compares values with is data, and no reference."""
    probe = task(Validate(output={"const": {"$ref": "https://example.com"}, "type": "object"}))(
        lambda value: value
    )
    assert probe({"$ref": "https://example.com"}) == {"$ref": "https://example.com"}


def test_keys_that_are_no_text(session):
    """A dict with other keys than strings does not fit where keys have to match a pattern."""
    probe = task(Validate(output={"type": "object", "patternProperties": {"^x": {}}}))(lambda value: value)
    assert probe.run({1: 2}).error.errors == (("", "propertyNames"),)


class Refusing(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        self.send_error(404)

    def log_message(self, *args):
        pass


def test_nothing_is_fetched(session):
    """Ids and dialects that look like addresses are names: no request is made for them."""
    server = http.server.HTTPServer(("127.0.0.1", 0), Refusing)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        at = f"http://127.0.0.1:{server.server_port}"
        schema = {
            "$id": f"{at}/id",
            "$schema": f"{at}/dialect",
            "type": "object",
            "properties": {"a": {"$ref": "#/$defs/a"}},
            "$defs": {"a": {"type": "string"}},
        }
        probe = task(Validate(output=schema))(lambda value: value)
        assert probe({"a": "x"}) == {"a": "x"}
        assert probe.run({"a": 1}).error.field == "a"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert server.asked == []


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "title": "string"},
        {"type": "string", "description": "string"},
        {"type": "string", "format": "string"},
        {"type": "object", "required": ["number"]},
        {"enum": ["string"]},
        {"items": {"type": "string"}},
        {"not": {"type": "string"}},
        {"pattern": "string"},
    ],
    ids=str,
)
@pytest.mark.parametrize("where", ["output", "inputs"])
def test_fields_that_are_called_like_keywords(schema, where):
    """Shorthand that is valid JSON Schema as well is refused, whatever the keyword; with `$schema` it is the latter."""
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    as_spec = {"output": lambda spec: {"output": spec}, "inputs": lambda spec: {"inputs": {"value": spec}}}[
        where
    ]
    with pytest.raises(ValueError, match="could be JSON Schema"):
        Validate(**as_spec(schema))
    Validate(**as_spec(dialect | schema))


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string"},
        {"title": "string", "description": "string"},
        {"items": "array"},
        {"maximum": "number"},
        {"type": "object", "properties": {"a": {"type": "string"}}, "title": "string", "required": ["a"]},
    ],
    ids=str,
)
def test_what_reads_as_one_of_them_alone(schema):
    """What is no valid JSON Schema, checks nothing as such, or has its forms, is not ambiguous."""
    Validate(output=schema)


def test_what_may_be_either():
    """A dict that reads as JSON Schema and as shorthand is refused, and both ways out work."""
    with pytest.raises(ValueError, match="could be JSON Schema"):
        Validate(output={"type": "string", "name": "string"})
    Validate(
        output={"type": "object", "properties": {"type": {"type": "string"}, "name": {"type": "string"}}}
    )
    Validate(
        output={"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "string", "name": "string"}
    )


@pytest.mark.parametrize(
    ("schema", "value", "field", "expected"),
    [
        ({"type": "object"}, [], "", "object was expected (type)"),
        ({"type": ["string", "null"]}, 3, "", "string or null was expected (type)"),
        ({"type": "object", "required": ["a", "b"]}, {"a": 1}, "b", "this field is required (missing)"),
        (
            {"properties": {"a": {"minimum": 3}}},
            {"a": 1},
            "a",
            "a number of at least 3 was expected (minimum)",
        ),
        ({"properties": {"a": {"enum": [1, "x"]}}}, {"a": 2}, "a", 'one of [1, "x"] was expected (enum)'),
        ({"properties": {"a": {"items": {"const": 1}}}}, {"a": [1, 2]}, "a.1", "1 was expected (const)"),
        (
            {"properties": {"a": {"pattern": "^x"}}},
            {"a": "y"},
            "a",
            'text that matches "^x" was expected (pattern)',
        ),
        ({"type": "string", "format": "date"}, "x", "", 'text in the format "date" was expected (format)'),
        (
            {"type": "object", "additionalProperties": False},
            {"a": 1},
            "",
            "no other fields than those named were expected (additionalProperties)",
        ),
        (
            {"type": "object", "additionalProperties": {"type": "string"}},
            {"k": 1},
            "*",
            "string was expected (type)",
        ),
        ({"type": "object", "dependentRequired": {"a": ["b"]}}, {"a": 1}, "", "dependentRequired"),
        ({"type": "integer", "anyOf": [{"minimum": 3}]}, True, "", "integer was expected (type)"),
    ],
)
def test_what_an_error_tells(session, schema, value, field, expected):
    """The message holds path, keyword and what the schema says; keys that are the value's own are `*`."""
    error = task(Validate(output=schema))(lambda: value).run().error
    assert error.field == field
    assert str(error).splitlines()[1] == f"- {field or 'the value itself'}: {expected}"


def test_what_a_sensitive_task_tells(session):
    """Of a sensitive task the message holds path and keyword alone."""
    probe = task(Validate(output={"properties": {"a": {"enum": ["x"]}}}), sensitive=True)(lambda: {"a": "y"})
    assert str(probe.run().error).splitlines()[1] == "- a: enum"


def test_draft_4(session):
    """The dialect is the one that `$schema` names: here, a number may be an exclusive bound only with a flag."""
    schema = {"$schema": "http://json-schema.org/draft-04/schema#", "minimum": 3, "exclusiveMinimum": True}
    probe = task(Validate(output=schema))(lambda value: value)
    assert probe(4) == 4
    assert probe.run(3).error.errors == (("", "minimum"),)
