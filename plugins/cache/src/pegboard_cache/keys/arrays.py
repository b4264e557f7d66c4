"""Arrays in keys: by class, type, shape and values, however they lie in memory.

A subclass counts with its attributes as well: two arrays of equal numbers that differ in a unit are different.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from pegboard import texts
from pegboard_cache.keys.encoder import Add, Unhashable, register_named, write, write_class, write_reduced

_OBJECTS = frozenset("OT")  # elements that are not in the array itself
_EXTENDED = frozenset("gG")
_EXTENDED_BYTES = 10  # of 16: the rest is whatever was in memory


def write_array(value: Any, add: Add) -> None:
    """Write an array of numpy, or of a subclass.

    Raises:
        Unhashable: It holds something that has no canonical text.
    """
    import numpy as np

    cls: Any = type(value)
    add("A")
    write_class(cls, add)
    if cls is not np.ndarray and cls is not np.memmap:
        write(getattr(value, "__dict__", None), add)
        if cls.__reduce__ is not np.ndarray.__reduce__:  # it says itself what else it holds
            write_reduced(value.copy(order="C"), add)
            return
    try:
        write_values(np.asarray(value), add)
    except Unhashable:
        raise Unhashable(f"{texts.a(cls.__name__)} of objects that cannot be hashed") from None


def write_values(array: Any, add: Add) -> None:
    """Write type, shape and elements of a plain array, in the order of its indexes."""
    dtype = array.dtype
    add(f"{dtype!r}{dtype.isalignedstruct:d}{array.shape};")
    if dtype.metadata is not None:
        write(dict(dtype.metadata), add)
    if dtype.names is not None:  # field by field, as what lies between the fields is anything
        for name in dtype.names:
            write_values(array[name], add)
    elif dtype.char in _OBJECTS:
        write(array.reshape(-1).tolist(), add)
    else:
        add(f"{_digest(array)};")


def _digest(array: Any) -> str:
    import numpy as np

    if array.size == 0 or array.dtype.itemsize == 0:
        return ""
    data = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    if array.dtype.char in _EXTENDED and np.finfo(array.dtype).nmant == 63:
        data = np.ascontiguousarray(data.reshape(-1, 16)[:, :_EXTENDED_BYTES])
    return blake2b(data.data, digest_size=32).hexdigest()


def _write_scalar(value: Any, add: Add) -> None:
    import numpy as np

    add("a")
    write_class(type(value), add)
    write_values(np.asarray(value), add)


register_named("numpy", "ndarray", write_array)
register_named("numpy", "generic", _write_scalar)
