"""Arrow's tables and arrays in keys: by schema and values, however they are chunked, sliced and padded."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from pegboard_cache.keys.encoder import Add, register_named, write, write_class


def write_arrow(value: Any, add: Add) -> None:
    """Write an array or a chunked array of pyarrow."""
    add("W")
    write_class(type(value), add)
    add(f"{value.type}{len(value)};")
    _write_values(_in_one_piece(value), add)


def _write_table(value: Any, add: Add) -> None:
    add("W")
    write_class(type(value), add)
    _write_schema(value.schema, add)
    add(f"{value.num_rows};")
    for column in value.columns:
        _write_values(_in_one_piece(column), add)


def _write_schema(schema: Any, add: Add) -> None:
    add(f"{len(schema)};")
    write(schema.metadata or None, add)
    for field in schema:
        write((field.name, str(field.type), field.nullable, field.metadata or None), add)


def _in_one_piece(value: Any) -> Any:
    import pyarrow as pa  # type: ignore[import-untyped]

    if not isinstance(value, pa.ChunkedArray):
        return value
    if value.num_chunks == 1:
        return value.chunk(0)
    pieces = value.combine_chunks()
    return pa.concat_arrays(pieces.chunks) if isinstance(pieces, pa.ChunkedArray) else pieces


def _write_values(array: Any, add: Add) -> None:
    """Write the elements; what lies under a null is anything, and left out."""
    import pyarrow as pa
    import pyarrow.compute as pc  # type: ignore[import-untyped]

    kind, is_a = array.type, pa.types
    if isinstance(kind, pa.BaseExtensionType):
        _write_values(array.storage, add)
    elif is_a.is_dictionary(kind):
        _write_values(array.dictionary_decode(), add)
    elif is_a.is_struct(kind):
        _write_nulls(array, add)
        for field in array.flatten():
            _write_values(field, add)
    elif is_a.is_list(kind) or is_a.is_large_list(kind):
        _write_numbers(pc.list_value_length(array), add)
        _write_values(array.flatten(), add)
    elif (
        is_a.is_string(kind)
        or is_a.is_binary(kind)
        or is_a.is_large_string(kind)
        or is_a.is_large_binary(kind)
    ):
        _write_texts(array.cast(pa.large_binary()), add)
    elif is_a.is_boolean(kind):
        _write_numbers(array.cast(pa.uint8()), add)
    elif is_a.is_primitive(kind) and kind.bit_width in _NUMBERS:
        _write_numbers(array.view(_NUMBERS[kind.bit_width]), add)
    else:
        write(array.to_pylist(), add)


def _write_nulls(array: Any, add: Add) -> None:
    if array.null_count:
        _write_numbers(array.is_valid().cast("uint8"), add)
    else:
        add("-")


def _write_texts(array: Any, add: Add) -> None:
    import pyarrow.compute as pc

    _write_numbers(pc.binary_length(array), add)
    whole = array.fill_null(b"")
    _, ends, data = whole.buffers()
    if len(whole) and data is not None:
        places = memoryview(ends).cast("q")
        first, last = places[whole.offset], places[whole.offset + len(whole)]
        add(f"{_digest(memoryview(data)[first:last])};")


def _write_numbers(array: Any, add: Add) -> None:
    _write_nulls(array, add)
    whole = array.fill_null(0)
    data = whole.buffers()[1]
    if len(whole) and data is not None:
        width = whole.type.bit_width // 8
        add(f"{_digest(memoryview(data)[whole.offset * width : (whole.offset + len(whole)) * width])};")


def _digest(data: memoryview) -> str:
    return blake2b(data, digest_size=32).hexdigest()


_NUMBERS = {8: "uint8", 16: "uint16", 32: "uint32", 64: "uint64"}

for _name in ("Table", "RecordBatch"):
    register_named("pyarrow", _name, _write_table)
for _name in ("Array", "ChunkedArray"):
    register_named("pyarrow", _name, write_arrow)
