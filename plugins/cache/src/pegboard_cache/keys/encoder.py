"""A canonical text for values: equal for equal values in every process, and different for all others.

Each value begins with a letter for its type and is delimited by its length or a terminator, so no two values have one
text, and `1`, `1.0`, `True` and `"1"` have four. Dicts and sets are written in sorted order. An object that none of the
writers below knows is written as what `copy` and `pickle` would rebuild it from; nothing is pickled. What cannot be
copied, such as a socket or a lock, has no text.
"""

from __future__ import annotations

import copyreg
import functools
import types
from collections import OrderedDict
from collections.abc import Callable, Iterable
from hashlib import blake2b
from typing import Any

from pegboard import Task, texts
from pegboard_cache._module_names import module_name, module_of

_LONG = 4096  # texts and bytes above this are written as their hash

Add = Callable[[str], None]


class Unhashable(TypeError):  # noqa: N818 - a reason, told in a warning
    """Raised for a value that has no canonical text; names its type only."""


def canonical(values: Iterable[object]) -> str:
    """Write the values one after the other.

    Raises:
        Unhashable: One of them, or something inside it, has no canonical text.
    """
    parts: list[str] = []
    add = parts.append
    try:
        for value in values:
            writer = _WRITERS.get(type(value))
            if writer is None:
                _write_other(value, add)
            else:
                writer(value, add)
    except RecursionError:
        raise Unhashable("a value that contains itself, or is nested too deep") from None
    return "".join(parts)


def write(value: object, add: Add) -> None:
    """Write one value."""
    _WRITERS.get(type(value), _write_other)(value, add)


def _write_none(_: None, add: Add) -> None:
    add("N")


def _write_bool(value: bool, add: Add) -> None:
    add("T" if value else "F")


def _write_int(value: int, add: Add) -> None:
    add(f"i{value:x};")


def _write_float(value: float, add: Add) -> None:
    add(f"f{value.hex()};")


def _write_complex(value: complex, add: Add) -> None:
    add(f"c{value.real.hex()},{value.imag.hex()};")


def _write_str(value: str, add: Add) -> None:
    if len(value) > _LONG:
        add(f"S{_hash(value.encode('utf-8', 'surrogatepass'))};")
    else:
        add(f"s{len(value)}:{value}")


def _write_bytes(value: bytes, add: Add) -> None:
    add(f"b{value.hex() if len(value) <= _LONG else 'x' + _hash(value)};")


def _write_bytearray(value: bytearray, add: Add) -> None:
    add("B")
    _write_bytes(bytes(value), add)


def _write_list(value: list[object], add: Add) -> None:
    add(f"l{len(value)}:")
    for item in value:
        write(item, add)


def _write_tuple(value: tuple[object, ...], add: Add) -> None:
    add(f"t{len(value)}:")
    for item in value:
        write(item, add)


def _write_dict(value: dict[object, object], add: Add) -> None:
    add(f"d{len(value)}:{''.join(sorted(canonical(pair) for pair in value.items()))}")


def _write_ordered_dict(value: OrderedDict[object, object], add: Add) -> None:
    add("o")
    _write_list(list(value.items()), add)


def _write_set(value: set[object], add: Add) -> None:
    add(f"e{len(value)}:{''.join(sorted(canonical((item,)) for item in value))}")


def _write_frozenset(value: frozenset[object], add: Add) -> None:
    add(f"E{len(value)}:{''.join(sorted(canonical((item,)) for item in value))}")


def write_class(value: type, add: Add) -> None:
    """Write a class by its name."""
    add(f"C{module_of(value)}:{value.__qualname__};")


def _write_module(value: types.ModuleType, add: Add) -> None:
    add(f"M{module_name(value.__name__)};")


_WRITERS: dict[type, Callable[[Any, Add], None]] = {
    type(None): _write_none,
    bool: _write_bool,
    int: _write_int,
    float: _write_float,
    complex: _write_complex,
    str: _write_str,
    bytes: _write_bytes,
    bytearray: _write_bytearray,
    list: _write_list,
    tuple: _write_tuple,
    dict: _write_dict,
    OrderedDict: _write_ordered_dict,
    set: _write_set,
    frozenset: _write_frozenset,
    type: write_class,
    types.ModuleType: _write_module,
}


def register(cls: type, writer: Callable[[Any, Add], None]) -> None:
    """Use `writer` for values of exactly this type."""
    _WRITERS[cls] = writer


_NAMED: dict[tuple[str, str], Callable[[Any, Add], None]] = {}


def register_named(library: str, name: str, writer: Callable[[Any, Add], None]) -> None:
    """Use `writer` for a class of a library and its subclasses; the library is not imported for it."""
    _NAMED[library, name] = writer


@functools.lru_cache(1024)
def _writer_by_name(cls: type) -> Callable[[Any, Add], None]:
    for base in cls.__mro__:
        found = _NAMED.get((base.__module__.partition(".")[0], base.__name__))
        if found is not None:
            return _refusing(found)
    return write_reduced


def _refusing(writer: Callable[[Any, Add], None]) -> Callable[[Any, Add], None]:
    """Have a library's own errors mean that the value has no text."""

    def write_or_refuse(value: object, add: Add) -> None:
        try:
            writer(value, add)
        except (Unhashable, RecursionError):
            raise
        except Exception:  # noqa: BLE001 - each library has many ways to say that it cannot be done
            raise Unhashable(texts.a(type(value).__name__)) from None

    return write_or_refuse


def _write_other(value: object, add: Add) -> None:
    cls: Any = type(value)
    if isinstance(value, type):
        _WRITERS[type](value, add)
    elif isinstance(value, Task):
        add(f"K{len(value.name)}:{value.name}")
        write(value.__wrapped__, add)
    elif hasattr(cls, "__next__"):
        raise Unhashable(f"{texts.a(cls.__name__)}, which can be read only once")
    else:
        _writer_by_name(cls)(value, add)


def write_reduced(value: object, add: Add) -> None:
    """Write the callable and the arguments that would rebuild the object, and the state it would be given."""
    try:
        reducer = copyreg.dispatch_table.get(type(value))  # asked first, as pickle does
        reduced = value.__reduce_ex__(4) if reducer is None else reducer(value)
    except RecursionError:
        raise
    except Exception:  # noqa: BLE001 - whatever a class raises to say that it cannot be copied
        raise Unhashable(texts.a(type(value).__name__)) from None
    if isinstance(reduced, str):  # the name of something global
        add(f"G{getattr(value, '__module__', None)}:{reduced};")
        return
    make, arguments, state, items, pairs = (*reduced, *(None,) * 5)[:5]
    add("R")
    _write_name(make, add)
    write(arguments, add)
    write(state, add)
    write(None if items is None else list(items), add)
    write(None if pairs is None else dict(pairs), add)


def _write_name(function: Any, add: Add) -> None:
    owner = getattr(function, "__self__", None)
    if owner is not None and not isinstance(owner, types.ModuleType):
        write(owner, add)
    name = getattr(function, "__qualname__", None)
    if name is None:
        raise Unhashable(texts.a(type(function).__name__))
    add(f"n{module_of(function)}:{name};")


def _hash(data: bytes) -> str:
    return blake2b(data, digest_size=32).hexdigest()
