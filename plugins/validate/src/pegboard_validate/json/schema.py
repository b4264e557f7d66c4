"""JSON Schema, through jsonschema: what is one, what is refused, and a check that tells no values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

from pegboard_validate._problem import KEPT_MOST, Problem, Unfit
from pegboard_validate.json.keywords import problem_of

TYPES = frozenset(("string", "number", "integer", "boolean", "array", "object", "null"))
_COMBINED = frozenset(("anyOf", "allOf", "oneOf", "enum"))
_REFERENCES = frozenset(("$ref", "$dynamicRef", "$recursiveRef"))
_BY_NAME = frozenset(
    ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies")
)
_DATA = frozenset(("const", "enum", "default", "examples"))
_ASSERTING = frozenset(
    (
        "additionalProperties", "allOf", "anyOf", "const", "contains", "dependentRequired", "dependentSchemas", "enum", "format",
        "if", "then", "else", "items", "maxContains", "maxItems", "maxLength", "maxProperties", "maximum", "minContains", "minItems",
        "minLength", "minProperties", "minimum", "multipleOf", "not", "oneOf", "pattern", "patternProperties", "prefixItems",
        "properties", "propertyNames", "required", "type", "unevaluatedItems", "unevaluatedProperties", "uniqueItems",
    )
)  # fmt: skip


def is_json_schema(schema: Mapping[str, Any]) -> bool:
    """Whether a dict is JSON Schema, rather than shorthand.

    It is with a keyword that begins with `$`, a dict under `properties`, the name of a type (or a list of them) under
    `type`, or a list under `anyOf`, `allOf`, `oneOf` or `enum`.
    """
    kind = schema.get("type")
    return (
        any(str(key).startswith("$") for key in schema)
        or isinstance(schema.get("properties"), Mapping)
        or isinstance(kind, list)
        or (isinstance(kind, str) and kind in TYPES)
        or any(isinstance(schema.get(key), list) for key in _COMBINED)
    )


def refuse_bad_json_schema(schema: Mapping[str, Any], where: str) -> None:
    """Raise ValueError for a schema that is wrong, that would have to be fetched, or that may be meant as shorthand.

    Args:
        schema: What `is_json_schema` said yes to.
        where: How the message calls it.
    """
    _refuse_ambiguous(schema, where)
    for reference in _references(schema):
        if not reference.startswith("#"):
            raise ValueError(
                f"{where} refers to {reference!r}, and a schema is never fetched.\n"
                f"Put what it refers to under '$defs', and write '#/$defs/...'."
            )
    dialect = _dialect_of(schema)
    try:
        dialect.check_schema(schema, format_checker=dialect.FORMAT_CHECKER)
    except _schema_error() as raised:
        error: Any = raised
        path = "".join(f"[{part!r}]" for part in error.absolute_path)
        raise ValueError(f"{where}{path} is no valid JSON Schema: {error.message}") from None
    _refuse_dangling(schema, where)


def json_schema_check(schema: Mapping[str, Any], *, sensitive: bool) -> Callable[[Any], Any]:
    """Return a function that returns a value that fits as it is, and raises `Unfit` for another."""
    validator = _validator(schema)
    names = frozenset(_names(schema))

    def apply(value: Any) -> Any:
        problems = _problems(validator, value, names, sensitive=sensitive)
        if problems:
            raise Unfit(*problems)
        return value

    return apply


def takes_text(schema: Mapping[str, Any]) -> bool:
    """Whether a schema asks for a string, or for one of several, so that a text is the value and not JSON to read."""
    kind = schema.get("type")
    listed = [*schema.get("enum", ()), schema.get("const")]
    return (
        kind == "string"
        or (isinstance(kind, list) and "string" in kind)
        or any(isinstance(each, str) for each in listed)
    )


def _problems(validator: Any, value: Any, names: frozenset[str], *, sensitive: bool) -> tuple[Problem, ...]:
    try:
        errors = list(islice(validator.iter_errors(value), KEPT_MOST))
    except RecursionError:
        return (Problem("", "recursion", "a value nested less deep, and not in itself, was expected"),)
    except TypeError:  # of a pattern that meets a key that is no str, which JSON does not have
        return (Problem("", "propertyNames", "an object whose keys are all strings was expected"),)
    found = (problem_of(error, names, sensitive=sensitive) for error in errors)
    return tuple(dict.fromkeys(problem for problems in found for problem in problems))


def _validator(schema: Mapping[str, Any]) -> Any:
    dialect = _dialect_of(schema)
    return dialect(schema, registry=_known_schemas(), format_checker=dialect.FORMAT_CHECKER)


def _refuse_ambiguous(schema: Mapping[str, Any], where: str) -> None:
    """Refuse `{"type": "string", "name": "string"}`: JSON Schema, or shorthand of an object with these two fields?"""
    others = [key for key, value in schema.items() if key != "type" and _is_field(value)]
    if "$schema" not in schema and "properties" not in schema and others:
        _refuse_both(where, "type" if "type" in schema else next(iter(schema)), others[0])


def refuse_like_json_schema(schema: Mapping[str, Any], where: str) -> None:
    """Refuse shorthand all of whose fields are called as what JSON Schema checks, and that is valid as such, too.

    `{"items": {"type": "string"}}`, say: an array of strings, or an object with the field `items`, in which there is a `type`?
    """
    if schema and all(key in _ASSERTING for key in schema):
        dialect = _dialect_of()
        if dialect(dialect.META_SCHEMA, registry=_known_schemas()).is_valid(dict(schema)):
            first = next(iter(schema))
            _refuse_both(where, first, first)


def _refuse_both(where: str, keyword: str, field: str) -> None:
    raise ValueError(
        f"{where} could be JSON Schema, for its {keyword!r}, or shorthand of an object, for its field {field!r}.\n"
        f"Write the fields under 'properties', or add '$schema' if this is JSON Schema."
    )


def _is_field(value: object) -> bool:
    """Whether a value is what shorthand says of a field: the name of a type, or a list of one."""
    if isinstance(value, list) and len(value) == 1:
        return _is_field(value[0])
    return isinstance(value, str) and value in TYPES


def _refuse_dangling(schema: Mapping[str, Any], where: str) -> None:
    from referencing import Resource
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import DRAFT202012

    inside = islice(_subschemas(schema), 1, None)
    if any(isinstance(each.get(key), str) for each in inside for key in ("$id", "id")):
        return  # references inside are relative to that id; one that leads nowhere fails at the first call
    resource = Resource.from_contents(schema, default_specification=DRAFT202012)
    resolver = _known_schemas().with_resource("", resource).resolver()
    for reference in _references(schema):
        try:
            resolver.lookup(reference)
        except Unresolvable:
            raise ValueError(f"{where} refers to {reference!r}, which is not in it.") from None


def _references(schema: Any) -> Iterator[str]:
    for each in _subschemas(schema):
        for key in _REFERENCES & each.keys():
            if isinstance(each[key], str):
                yield each[key]


def _names(schema: Any) -> Iterator[str]:
    """Yield every name that the schema itself holds; other keys in a value are its data."""
    for each in _subschemas(schema):
        properties = each.get("properties")
        if isinstance(properties, Mapping):
            yield from properties
        required = each.get("required")
        if isinstance(required, list):
            yield from required


def _subschemas(schema: Any) -> Iterator[Mapping[str, Any]]:
    """Yield every schema in a schema, itself first; not what is data in it."""
    waiting = [schema]
    while waiting:
        each = waiting.pop()
        if isinstance(each, list):
            waiting.extend(each)
        elif isinstance(each, Mapping):
            yield each
            for keyword, value in each.items():
                if keyword in _BY_NAME and isinstance(value, Mapping):
                    waiting.extend(value.values())  # the names are free, and may be those of keywords
                elif keyword not in _DATA:
                    waiting.append(value)


# The one door to jsonschema, which has no types of its own.


def _dialect_of(schema: Mapping[str, Any] | None = None) -> Any:
    """Return jsonschema's validator class for what `$schema` names; 2020-12 where it names nothing."""
    from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
    from jsonschema.validators import validator_for  # type: ignore[import-untyped]

    return validator_for(schema or {}, default=Draft202012Validator)


def _known_schemas() -> Any:
    """Return the registry of the dialects' own schemas. It fetches nothing, unlike jsonschema's default one."""
    from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]

    return REGISTRY


def _schema_error() -> type[Exception]:
    """Return what jsonschema raises for a schema that is wrong."""
    from jsonschema.exceptions import SchemaError  # type: ignore[import-untyped]

    return SchemaError  # type: ignore[no-any-return]
