"""Frames and series of pandas, through Arrow.

Arrow has fewer types than pandas, so each frame is read again before it is kept: one that would come back with another
dtype, index or missing value is refused.
"""

from __future__ import annotations

from typing import Any

from pegboard_cache._store import Unstorable
from pegboard_cache.codec.tables import dump_arrow, load_table

# An Arrow IPC stream, the frequencies of index and columns, and the columns if they are a range: that, and its name.
Parts = list[Any]


def dump_frame(value: Any) -> Parts:
    """Write a frame.

    Raises:
        Unstorable: It would not come back as it is; or pyarrow is not installed.
    """
    parts = _written(value)
    back = load_frame(parts)
    if not _same(value, back) or not all(
        one == other for one, other in zip(value.dtypes, back.dtypes, strict=True)
    ):
        raise Unstorable("it is or holds a pandas frame that Arrow would not give back as it is")
    return parts


def load_frame(parts: Parts) -> Any:
    """Read a frame."""
    data, *frequencies, numbers, name = parts
    frame = load_table(data).to_pandas()
    if numbers is not None:
        import pandas as pd  # type: ignore[import-untyped]

        frame.columns = pd.RangeIndex(numbers, name=name)
    for labels, frequency in zip((frame.index, frame.columns), frequencies, strict=True):
        if frequency is not None:
            labels.freq = frequency
    return frame


def dump_series(value: Any) -> Parts:
    """Write a series, apart from its name, as a frame of one column.

    Raises:
        Unstorable: As for a frame.
    """
    frame = value.to_frame(name="values")
    frame.attrs = value.attrs
    return [value.name, *dump_frame(frame)]


def load_series(parts: Parts) -> Any:
    """Read a series."""
    name, *rest = parts
    frame = load_frame(rest)
    series = frame["values"].rename(name)
    series.attrs = frame.attrs
    return series


def _written(frame: Any) -> Parts:
    try:
        import pyarrow as pa  # type: ignore[import-untyped]
    except ImportError:
        raise Unstorable(
            "it is or holds a pandas frame, which needs pyarrow: pip install 'pegboard-cache[arrow]'"
        ) from None
    numbers = name = None
    frequencies = [_frequency(frame.index), _frequency(frame.columns)]
    if type(frame.columns).__name__ == "RangeIndex":  # Arrow names columns by texts
        labels = frame.columns
        numbers, name = range(labels.start, labels.stop, labels.step), labels.name
        frame = frame.set_axis([str(number) for number in numbers], axis=1)
    try:
        table = pa.Table.from_pandas(frame)
    except Exception:  # noqa: BLE001 - pandas and pyarrow have many ways to say that it cannot be done
        raise Unstorable("it is or holds a pandas frame that Arrow has no form for") from None
    return [dump_arrow(table), *frequencies, numbers, name]


def _frequency(labels: Any) -> str | None:
    if not hasattr(labels, "inferred_freq"):  # a period index has its frequency in its type
        return None
    name: str | None = getattr(labels, "freqstr", None)
    return name


def _same(one: Any, other: Any) -> bool:
    return bool(
        one.equals(other)
        and one.attrs == other.attrs
        and one.flags == other.flags
        and _same_labels(one.index, other.index)
        and _same_labels(one.columns, other.columns)
    )


def _same_labels(one: Any, other: Any) -> bool:
    return bool(
        type(one) is type(other)
        and one.equals(other)
        and one.dtype == other.dtype
        and list(one.names) == list(other.names)
        and getattr(one, "freq", None) == getattr(other, "freq", None)
        and list(getattr(one, "dtypes", ())) == list(getattr(other, "dtypes", ()))
    )
