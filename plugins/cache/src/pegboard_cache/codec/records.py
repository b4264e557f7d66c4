"""Dataclasses, attrs classes, named tuples, enums and pydantic models, by the name of their class and their fields.

Reading imports nothing and calls no constructor, so a forged file runs no code: the class has to be loaded already, to
be of one of these kinds, and to have the very fields that were written. Nor does it run a validator: nothing of a
model is validated again, as what was kept is what the task returned.
"""

from __future__ import annotations

import dataclasses
import enum
import sys
from typing import Any

import attrs

from pegboard import texts
from pegboard_cache._module_names import module_name, module_of
from pegboard_cache._store import Unstorable


class Unreadable(ValueError):  # noqa: N818 - a reason for a miss
    """Raised for bytes that give no value here and now."""


def is_record_class(cls: type) -> bool:
    """Whether instances are written by their fields."""
    return dataclasses.is_dataclass(cls) or attrs.has(cls)


def dump_record(value: Any) -> list[Any]:
    """Write class, field names and field values."""
    cls = type(value)
    names = _fields(cls)
    state = _state(value)
    if set(state) != set(names):
        raise Unstorable(f"it is or holds {texts.a(cls.__name__)} with other attributes than its fields")
    _new(cls)
    return [*dump_class(cls), names, [state[name] for name in names]]


def load_record(parts: list[Any]) -> Any:
    """Make an instance and set its fields; neither `__init__` nor `__post_init__` runs."""
    module, name, names, values = parts
    cls = load_class(module, name)
    if not is_record_class(cls) or _fields(cls) != names or len(values) != len(names):
        raise Unreadable("a record whose fields have changed")
    made = _new(cls)
    for field, value in zip(names, values, strict=True):
        object.__setattr__(made, field, value)
    return made


def is_named_tuple_class(cls: type) -> bool:
    """Whether the class is a named tuple."""
    return issubclass(cls, tuple) and isinstance(getattr(cls, "_fields", None), tuple)


def dump_named_tuple(value: Any) -> list[Any]:
    """Write class, field names and items."""
    if getattr(value, "__dict__", None):
        raise Unstorable(
            f"it is or holds {texts.a(type(value).__name__)} with other attributes than its fields"
        )
    return [*dump_class(type(value)), list(value._fields), list(value)]


def load_named_tuple(parts: list[Any]) -> Any:
    """Make the named tuple."""
    module, name, names, values = parts
    cls: Any = load_class(module, name)
    if not is_named_tuple_class(cls) or list(cls._fields) != names or len(values) != len(names):
        raise Unreadable("a named tuple whose fields have changed")
    return tuple.__new__(cls, values)


def is_member_class(cls: type) -> bool:
    """Whether the class is an enum."""
    return issubclass(cls, enum.Enum)


def dump_member(value: enum.Enum) -> list[Any]:
    """Write class and name of a member."""
    cls = type(value)
    if cls.__members__.get(value.name) is not value:  # a combination of flags
        raise Unstorable(f"it is or holds {texts.a(cls.__name__)} that is no member of its own")
    return [*dump_class(cls), value.name]


def load_member(parts: list[Any]) -> enum.Enum:
    """Find the member."""
    module, name, member = parts
    cls = load_class(module, name)
    if not issubclass(cls, enum.Enum):
        raise Unreadable("a member of what is no enum")
    return cls.__members__[member]


def is_model_class(cls: type) -> bool:
    """Whether instances are pydantic models; pydantic is not imported for it."""
    pydantic = sys.modules.get("pydantic")
    base = None if pydantic is None else getattr(pydantic, "BaseModel", None)
    return base is not None and issubclass(cls, base)


def dump_model(value: Any) -> list[Any]:
    """Write class, field names, field values, and which of them were given."""
    cls = type(value)
    if value.__pydantic_extra__ or value.__pydantic_private__:
        raise Unstorable(f"it is or holds {texts.a(cls.__name__)} with other attributes than its fields")
    names = list(cls.model_fields)
    state = value.__dict__
    if set(state) != set(names):
        raise Unstorable(f"it is or holds {texts.a(cls.__name__)} with other attributes than its fields")
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


def dump_class(cls: type) -> tuple[str, str]:
    """Name a class by its module and its place there; refuse one that is not found so."""
    name = (module_of(cls), cls.__qualname__)
    try:
        found = load_class(*name)
    except Unreadable:
        found = None
    if found is not cls:
        raise Unstorable(
            f"it is or holds {texts.a(cls.__name__)}, a class that its module does not offer by that name"
        )
    return name


def load_class(module: str, name: str) -> type:
    """Find a class that is loaded, by looking only: no import, and no `__getattr__` of a module."""
    found: Any = sys.modules.get("__main__" if module == module_name("__main__") else module)
    for part in name.split("."):
        found = getattr(found, "__dict__", {}).get(part)
    if not isinstance(found, type):
        raise Unreadable("it is or holds a value of a class whose module is not imported here")
    return found


def _fields(cls: Any) -> list[str]:
    if attrs.has(cls):
        return [field.name for field in attrs.fields(cls)]
    return [field.name for field in dataclasses.fields(cls)]


def _state(value: object) -> dict[str, Any]:
    """Everything the object holds, by attribute name."""
    state = dict(getattr(value, "__dict__", {}))
    for cls in type(value).__mro__:
        slots = cls.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in {"__dict__", "__weakref__"} and hasattr(value, name):
                state[name] = getattr(value, name)
    return state


def _new(cls: type) -> Any:
    try:
        return object.__new__(cls)
    except TypeError:  # a subclass of dict, of Exception: holds more than attributes; or it is abstract
        raise Unstorable(
            f"it is or holds {texts.a(cls.__name__)}, which holds more than its fields"
        ) from None
