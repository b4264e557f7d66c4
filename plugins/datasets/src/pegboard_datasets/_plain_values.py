"""What msgspec does not know of plain values, on their way into a file and back."""

from __future__ import annotations

from typing import Any

from pegboard import texts
from pegboard_datasets._format import Unfit


def in_plain_types(value: Any) -> Any:
    """What msgspec does not know: models of pydantic, and scalars of NumPy."""
    if hasattr(type(value), "model_dump"):
        return value.model_dump(mode="json")
    if hasattr(type(value), "dtype") and getattr(value, "ndim", None) == 0:
        return value.item()
    raise Unfit(f"it is or holds {texts.a(type(value).__name__)}")


def in_own_type(cls: Any, value: object) -> Any:
    """Models of pydantic."""
    if hasattr(cls, "model_validate"):
        return cls.model_validate(value)
    raise Unfit(f"it is no {cls.__name__}, which msgspec cannot make")
