"""Pydantic's validator for an annotation, built once."""

from __future__ import annotations

from pydantic import ConfigDict, PydanticUserError, TypeAdapter

from pegboard_validate.types.understood import understood

_CONFIG = ConfigDict(arbitrary_types_allowed=True)  # a class that pydantic does not know: its instances pass


def adapter_of(annotation: object) -> TypeAdapter[object]:
    """Return pydantic's adapter for an annotation.

    Classes that pydantic does not know are checked with `isinstance`; attrs classes field by field.
    """
    wanted = understood(annotation)
    try:
        adapter: TypeAdapter[object] = TypeAdapter(wanted, config=_CONFIG)
    except PydanticUserError as error:
        if error.code != "type-adapter-config-unused":
            raise
        adapter = TypeAdapter(wanted)  # a model, dataclass or TypedDict, which has a configuration of its own
    return adapter
