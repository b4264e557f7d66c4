"""Arrays, tables and frames as bytes: npy for numpy, Arrow IPC for pyarrow, pandas and polars.

Types are told by the name of their module, so a library is imported only by whoever has, or had, a value of it. No format
here can hold a Python object, so reading runs none of their code.
"""

from __future__ import annotations

import io
from typing import Any

from pegboard import texts
from pegboard_cache._store import Unstorable
from pegboard_cache.codec.unchanged import refuse_changed

_EXACT = frozenset("biufcmMSU")  # kinds of arrays that npy keeps as they are


def library_of(cls: type) -> str:
    """The distribution that a class is from, by name."""
    return cls.__module__.partition(".")[0]


def name_of(cls: type) -> str | None:
    """Which of the types below a class is: `numpy.ndarray`, say; None for any other."""
    library = library_of(cls)
    if library == "numpy" and cls.__name__ == "ndarray":
        return "numpy.ndarray"
    if library == "numpy":
        return "numpy.generic" if _is_scalar(cls) else None
    name = f"{library}.{cls.__name__}"
    return name if name in _FRAMES else None


_FRAMES = frozenset(
    (
        "pyarrow.Table",
        "pyarrow.RecordBatch",
        "pandas.DataFrame",
        "pandas.Series",
        "polars.DataFrame",
        "polars.Series",
    )
)


def _is_scalar(cls: type) -> bool:
    import numpy as np

    return issubclass(cls, np.generic)


def dump_array(value: Any) -> bytes:
    """Write an array in the npy format.

    Raises:
        Unstorable: It holds Python objects, or what npy does not keep.
    """
    written = _npy(value)
    return written if value.dtype.kind in _EXACT else refuse_changed(value, written, load_array)


def dump_scalar(value: Any) -> bytes:
    """Write one number; raises as `dump_array` does."""
    return refuse_changed(value, _npy(value), load_scalar)


def _npy(value: Any) -> bytes:
    import numpy as np

    array = np.asarray(value)
    refusal = Unstorable(
        f"it is or holds a numpy array of {array.dtype.name}, which the npy format does not keep"
    )
    if array.dtype.metadata is not None or array.dtype.kind == "T":
        raise refusal
    file = io.BytesIO()
    try:
        np.lib.format.write_array(file, array, version=(3, 0), allow_pickle=False)
    except (ValueError, TypeError):
        raise refusal from None
    return file.getvalue()


def load_array(data: bytes) -> Any:
    """Read an array."""
    import numpy as np

    return np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)


def load_scalar(data: bytes) -> Any:
    """Read one number, of numpy's own type."""
    return load_array(data)[()]


def dump_table(value: Any) -> bytes:
    """Write a table of pyarrow.

    Raises:
        Unstorable: It would not come back as it is.
    """
    return refuse_changed(value, write_arrow(value), load_table)


def dump_batch(value: Any) -> bytes:
    """Write a record batch of pyarrow; raises as `dump_table` does."""
    return refuse_changed(value, write_arrow(value), load_batch)


def write_arrow(value: Any) -> bytes:
    """Write a table or a record batch of pyarrow as an Arrow IPC stream."""
    import pyarrow as pa  # type: ignore[import-untyped]

    sink = pa.BufferOutputStream()
    try:
        with pa.ipc.new_stream(sink, value.schema) as writer:
            writer.write(value)
    except pa.ArrowException:
        raise Unstorable(f"it is or holds {texts.a(type(value).__name__)} that Arrow does not keep") from None
    written: bytes = sink.getvalue().to_pybytes()
    return written


def load_table(data: bytes) -> Any:
    """Read a table."""
    import pyarrow as pa

    with pa.ipc.open_stream(data) as reader:
        return reader.read_all()


def load_batch(data: bytes) -> Any:
    """Read a record batch."""
    import pyarrow as pa

    with pa.ipc.open_stream(data) as reader:
        return reader.read_next_batch()


def dump_polars(value: Any) -> bytes:
    """Write a frame of polars as an Arrow IPC file.

    Raises:
        Unstorable: It would not come back as it is.
    """
    return refuse_changed(value, _write_polars(value), load_polars)


def _write_polars(value: Any) -> bytes:
    import polars as pl

    if any(_holds_objects(dtype) for dtype in value.dtypes):
        raise Unstorable("it is or holds a polars frame with a column of Python objects")
    file = io.BytesIO()
    try:
        value.write_ipc(file)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        raise Unstorable("it is or holds a polars frame that Arrow does not keep") from None
    return file.getvalue()


def load_polars(data: bytes) -> Any:
    """Read a frame of polars."""
    import polars as pl

    return pl.read_ipc(io.BytesIO(data))


def dump_polars_series(value: Any) -> bytes:
    """Write a series of polars as a frame of one column; raises as `dump_polars` does."""
    return refuse_changed(value, _write_polars(value.to_frame()), load_polars_series)


def load_polars_series(data: bytes) -> Any:
    """Read a series of polars."""
    return load_polars(data).to_series()


def _holds_objects(dtype: Any) -> bool:
    import polars as pl

    inner = [getattr(dtype, "inner", None), *(field.dtype for field in getattr(dtype, "fields", ()))]
    return dtype == pl.Object or any(each is not None and _holds_objects(each) for each in inner)
