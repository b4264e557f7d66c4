"""Frames and series of pandas and polars in keys: by types, labels and values, however they lie in memory."""

from __future__ import annotations

import importlib.util
from typing import Any

from pegboard_cache.keys.arrays import write_array
from pegboard_cache.keys.arrow import write_arrow
from pegboard_cache.keys.encoder import Add, register_named, write, write_class, write_reduced


def _write_frame(value: Any, add: Add) -> None:
    """Write a frame of pandas column by column: how they are put together in blocks tells how it was made."""
    _write_head(value, add)
    write(value.columns, add)
    for place in range(value.shape[1]):
        write(value.iloc[:, place].array, add)


def _write_series(value: Any, add: Add) -> None:
    _write_head(value, add)
    write(value.array, add)


def _write_head(value: Any, add: Add) -> None:
    add("D")
    write_class(type(value), add)
    own = {name: getattr(value, name, None) for name in sorted(value._metadata)}  # noqa: SLF001 - how subclasses name their attributes
    write((own, value.attrs, value.flags.allows_duplicate_labels), add)
    write(value.index, add)


def _write_index(value: Any, add: Add) -> None:
    add("I")
    write_class(type(value), add)
    write(list(value.names), add)
    if type(value).__name__ == "RangeIndex":
        write((len(value), value.start if len(value) else 0, value.step if len(value) > 1 else 1), add)
    elif type(value).__name__ == "MultiIndex":
        for level in range(value.nlevels):
            write(value.get_level_values(level), add)
    else:
        write(getattr(value, "freqstr", None), add)
        write(value.array, add)


def _write_extension_array(value: Any, add: Add) -> None:
    """Write an array of pandas by its type and values, where it is one of those that are known."""
    cls = type(value)
    kind = cls.__name__
    add("X")
    write_class(cls, add)
    add(f"{value.dtype};")
    if kind in {"NumpyExtensionArray", "PandasArray"}:
        write_array(value.to_numpy(), add)
    elif kind == "Categorical":
        write((value.categories, value.ordered, value.codes), add)
    elif kind in {"DatetimeArray", "TimedeltaArray", "PeriodArray"}:
        write((getattr(value, "freq", None), value.asi8), add)
    elif kind == "IntervalArray":
        write((value.left, value.right), add)
    elif kind in {"IntegerArray", "FloatingArray", "BooleanArray"}:
        write((value.isna(), value.to_numpy(dtype=value.dtype.numpy_dtype, na_value=0)), add)
    elif hasattr(value, "__arrow_array__") and kind in {"ArrowExtensionArray", "ArrowStringArray"}:
        write_arrow(value.__arrow_array__(), add)
    else:
        write_reduced(value, add)


def _write_polars(value: Any, add: Add) -> None:
    add("P")
    write_class(type(value), add)
    for column in value.get_columns():
        _write_polars_series(column, add)
    add(f"{value.height};")


def _write_polars_series(value: Any, add: Add) -> None:
    add("p")
    write_class(type(value), add)
    write((value.name, repr(value.dtype)), add)
    found = None if "Object" in repr(value.dtype) else _as_arrow(value)
    if found is None:
        write(value.to_list(), add)
    else:
        write_arrow(found, add)


def _as_arrow(value: Any) -> Any:
    """A series of polars as an array of pyarrow; None where that is not installed, or has no such type."""
    if importlib.util.find_spec("pyarrow") is None:
        return None
    from polars.exceptions import PanicException

    try:
        return value.rename("").to_arrow()  # a name may hold what Arrow does not take
    except (Exception, PanicException):  # noqa: BLE001 - it has many ways to say so
        return None


register_named("pandas", "DataFrame", _write_frame)
register_named("pandas", "Series", _write_series)
register_named("pandas", "Index", _write_index)
register_named("pandas", "ExtensionArray", _write_extension_array)
register_named("polars", "DataFrame", _write_polars)
register_named("polars", "Series", _write_polars_series)
