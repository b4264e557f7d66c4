"""Formats of arrays, tables and frames; each imports its library when it is used."""

from __future__ import annotations

import csv
import io
from typing import Any

from pegboard_datasets._format import Format


def _dump_npy(value: Any) -> bytes:
    import numpy as np

    out = io.BytesIO()
    np.save(out, value, allow_pickle=False)
    return out.getvalue()


def _load_npy(data: bytes, _: Any) -> Any:
    import numpy as np

    return np.load(io.BytesIO(data), allow_pickle=False)


def _dump_table_parquet(value: Any) -> bytes:
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    out = io.BytesIO()
    pq.write_table(value, out)
    return out.getvalue()


def _load_table_parquet(data: bytes, _: Any) -> Any:
    import pyarrow.parquet as pq

    return pq.read_table(io.BytesIO(data))


def _dump_table_arrow(value: Any) -> bytes:
    import pyarrow as pa

    out = io.BytesIO()
    with pa.ipc.new_file(out, value.schema) as writer:
        writer.write_table(value)
    return out.getvalue()


def _load_table_arrow(data: bytes, _: Any) -> Any:
    import pyarrow as pa

    return pa.ipc.open_file(io.BytesIO(data)).read_all()


def _dump_table_csv(value: Any) -> bytes:
    import pyarrow.csv as pc  # type: ignore[import-untyped]

    out = io.BytesIO()
    pc.write_csv(value, out)
    return out.getvalue()


def _load_table_csv(data: bytes, _: Any) -> Any:
    import pyarrow.csv as pc

    return pc.read_csv(
        io.BytesIO(data),
        parse_options=pc.ParseOptions(newlines_in_values=True),
        convert_options=pc.ConvertOptions(quoted_strings_can_be_null=False),
    )


def _table(frame: Any) -> Any:
    """The Arrow table of a pandas frame, its index among the metadata."""
    import pyarrow as pa

    return pa.Table.from_pandas(frame)


def _dump_pandas_parquet(value: Any) -> bytes:
    return _dump_table_parquet(_table(value))


def _load_pandas_parquet(data: bytes, _: Any) -> Any:
    return _load_table_parquet(data, None).to_pandas()


def _dump_pandas_arrow(value: Any) -> bytes:
    return _dump_table_arrow(_table(value))


def _load_pandas_arrow(data: bytes, _: Any) -> Any:
    return _load_table_arrow(data, None).to_pandas()


def _dump_pandas_csv(value: Any) -> bytes:
    """Write the frame; its index only where it is more than a count of the rows."""
    import pandas as pd  # type: ignore[import-untyped]

    counts = isinstance(value.index, pd.RangeIndex) and value.index.name is None
    text: str = value.to_csv(index=not counts, lineterminator="\n")
    if _would_be_split(text):
        text = value.to_csv(index=not counts, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    return text.encode("utf-8-sig" if text.startswith("\ufeff") else "utf-8")


def _would_be_split(text: str) -> bool:
    """Whether rows would be lost: csv leaves a carriage return bare, and pandas passes a line of blanks over."""
    return "\r" in text or any(line.isspace() for line in text.split("\n"))


def _load_pandas_csv(data: bytes, _: Any) -> Any:
    import pandas as pd

    return pd.read_csv(io.BytesIO(data))


def _dump_polars_parquet(value: Any) -> bytes:
    out = io.BytesIO()
    value.write_parquet(out)
    return out.getvalue()


def _load_polars_parquet(data: bytes, _: Any) -> Any:
    import polars as pl

    return pl.read_parquet(io.BytesIO(data))


def _dump_polars_arrow(value: Any) -> bytes:
    out = io.BytesIO()
    value.write_ipc(out)
    return out.getvalue()


def _load_polars_arrow(data: bytes, _: Any) -> Any:
    import polars as pl

    return pl.read_ipc(io.BytesIO(data))


def _dump_polars_csv(value: Any) -> bytes:
    text: str = value.write_csv()
    return text.encode()


def _load_polars_csv(data: bytes, _: Any) -> Any:
    import polars as pl

    return pl.read_csv(io.BytesIO(data))


_PARQUET, _ARROW, _CSV = (".parquet",), (".arrow", ".feather"), (".csv",)
_TABLE, _PANDAS, _POLARS = ("pyarrow:Table",), ("pandas:DataFrame",), ("polars:DataFrame",)

ARRAY_FORMATS = (
    Format("npy", (".npy",), ("numpy:ndarray",), _dump_npy, _load_npy, default=True, extra="numpy"),
    Format(
        "parquet", _PARQUET, _TABLE, _dump_table_parquet, _load_table_parquet, default=True, extra="arrow"
    ),
    Format("arrow", _ARROW, _TABLE, _dump_table_arrow, _load_table_arrow, extra="arrow"),
    Format("arrow-csv", _CSV, _TABLE, _dump_table_csv, _load_table_csv, extra="arrow"),
    Format(
        "pandas-parquet",
        _PARQUET,
        _PANDAS,
        _dump_pandas_parquet,
        _load_pandas_parquet,
        default=True,
        extra="pandas",
    ),
    Format("pandas-arrow", _ARROW, _PANDAS, _dump_pandas_arrow, _load_pandas_arrow, extra="pandas"),
    Format("pandas-csv", _CSV, _PANDAS, _dump_pandas_csv, _load_pandas_csv, extra="pandas"),
    Format(
        "polars-parquet",
        _PARQUET,
        _POLARS,
        _dump_polars_parquet,
        _load_polars_parquet,
        default=True,
        extra="polars",
    ),
    Format("polars-arrow", _ARROW, _POLARS, _dump_polars_arrow, _load_polars_arrow, extra="polars"),
    Format("polars-csv", _CSV, _POLARS, _dump_polars_csv, _load_polars_csv, extra="polars"),
)
