"""Pydantic models, written by the name of their class and their fields, as other records are.

Nothing is validated again: what was kept is what the task returned. Reading runs no validator and no hook of the class.
"""

from __future__ import annotations

import sys
from typing import Any

from pegboard_cache._store import Unstorable
from pegboard_cache.codec.records import Unreadable, dump_class, load_class


def is_model_class(cls: type) -> bool:
    """Whether instances are pydantic models; pydantic is not imported for it."""
    pydantic = sys.modules.get("pydantic")
    base = None if pydantic is None else getattr(pydantic, "BaseModel", None)
    return base is not None and issubclass(cls, base)


def dump_model(value: Any) -> list[Any]:
    """Write class, field names, field values, and which of them were given."""
    cls = type(value)
    if value.__pydantic_extra__ or value.__pydantic_private__:
        raise Unstorable(f"it is or holds a {cls.__name__} with other attributes than its fields")
    names = list(cls.model_fields)
    state = value.__dict__
    if set(state) != set(names):
        raise Unstorable(f"it is or holds a {cls.__name__} with other attributes than its fields")
    return [*dump_class(cls), names, [state[name] for name in names], sorted(value.__pydantic_fields_set__)]


def load_model(parts: list[Any]) -> Any:
    """Make an instance and set its fields."""
    module, name, names, values, given = parts
    cls: Any = load_class(module, name)
    if not is_model_class(cls) or list(cls.model_fields) != names or len(values) != len(names):
        raise Unreadable("a model whose fields have changed")
    made = object.__new__(cls)
    object.__setattr__(made, "__dict__", dict(zip(names, values, strict=True)))
    object.__setattr__(made, "__pydantic_fields_set__", {*given} & {*names})
    object.__setattr__(made, "__pydantic_extra__", {} if cls.model_config.get("extra") == "allow" else None)
    object.__setattr__(made, "__pydantic_private__", None)
    return made
