"""The one door to jsonschema, which has no types of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def dialect_of(schema: Mapping[str, Any] | None = None) -> Any:
    """Return jsonschema's validator class for what `$schema` names; 2020-12 where it names nothing."""
    from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
    from jsonschema.validators import validator_for  # type: ignore[import-untyped]

    return validator_for(schema or {}, default=Draft202012Validator)


def known_schemas() -> Any:
    """Return the registry of the dialects' own schemas. It fetches nothing, unlike jsonschema's default one."""
    from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]

    return REGISTRY


def schema_error() -> type[Exception]:
    """Return what jsonschema raises for a schema that is wrong."""
    from jsonschema.exceptions import SchemaError  # type: ignore[import-untyped]

    return SchemaError  # type: ignore[no-any-return]
