"""Frames and series of pandas, through Arrow.

Arrow has fewer types than pandas, so each frame is read again before it is kept: one that would come back with another
type, label, value or attribute is refused.
"""

from __future__ import annotations

from typing import Any

from pegboard_cache._store import Unstorable
from pegboard_cache.codec.tables import load_table, write_arrow
from pegboard_cache.codec.unchanged import refuse_changed

# An Arrow IPC stream, the frequencies of index and columns, and the columns if they are a range: that, and its name.
Parts = list[Any]
Frequency = Any  # a text, a list of them by level, or None


def dump_frame(value: Any) -> Parts:
    """Write a frame.

    Raises:
        Unstorable: It would not come back as it is; or pyarrow is not installed.
    """
    return refuse_changed(value, _written(value), load_frame)


def load_frame(parts: Parts) -> Any:
    """Read a frame."""
    data, of_index, of_columns, numbers, name = parts
    frame = load_table(data).to_pandas()
    if numbers is not None:
        import pandas as pd  # type: ignore[import-untyped]

        frame.columns = pd.RangeIndex(numbers, name=name)
    frame.index = _with_frequency(frame.index, of_index)
    frame.columns = _with_frequency(frame.columns, of_columns)
    return frame


def dump_series(value: Any) -> Parts:
    """Write a series, apart from its name, as a frame of one column.

    Raises:
        Unstorable: As for a frame.
    """
    frame = value.to_frame(name="values")
    frame.attrs = value.attrs
    return refuse_changed(value, [value.name, *_written(frame)], load_series)


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
            "it is or holds a pandas frame, which needs pyarrow: pip install 'pegboard[cache-arrow]'"
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
    return [write_arrow(table), *frequencies, numbers, name]


def _frequency(labels: Any) -> Frequency:
    """The frequency of labels, or those of their levels, which Arrow does not keep."""
    if type(labels).__name__ == "MultiIndex":
        found = [_frequency(level) for level in labels.levels]
        return found if any(found) else None
    if not hasattr(labels, "inferred_freq"):  # a period index has its frequency in its type
        return None
    name: str | None = getattr(labels, "freqstr", None)
    return name


def _with_frequency(labels: Any, frequency: Frequency) -> Any:
    if isinstance(frequency, list):
        for place, each in enumerate(frequency):
            if each is not None:
                labels = labels.set_levels(_with_frequency(labels.levels[place], each), level=place)
    elif frequency is not None:
        labels.freq = frequency
    return labels
