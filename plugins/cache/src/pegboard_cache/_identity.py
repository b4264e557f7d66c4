"""What makes a function this function: its code, its defaults, what it closes over and the helpers it calls.

A value kept for a function must not answer for another one, nor for the same one after an edit. So everything that a
body is made of goes into its identity, and nothing that does not change what it does: file names, line numbers and
comments stay out.
"""

from __future__ import annotations

import dis
import os
import threading
import types
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from hashlib import blake2b
from typing import Any

import attrs

from pegboard import Task
from pegboard_cache._encoder import Add, Unhashable, canonical, module_name, register

_ASSIGNING = frozenset(("STORE_DEREF", "DELETE_DEREF"))


@attrs.frozen
class Identity:
    """A function, in short.

    Attributes:
        digest: Equal for functions that do the same; 64 hexadecimal digits.
        portable: Whether another process comes to the same digest. Not so for a function that closes over
            something without a canonical text, such as a lock or a client: that one is only equal to itself.
        cells: What the function closed over when it was looked at: the cells that its body only reads.
    """

    digest: str
    portable: bool
    cells: tuple[tuple[types.CellType, object], ...] = attrs.field(repr=False)

    def holds(self) -> bool:
        """Whether the cells still hold the very same objects."""
        for cell, seen in self.cells:  # noqa: SIM110 - runs in every call of a closure, where all() costs twice as much
            if _content(cell) is not seen:
                return False
        return True


_EMPTY = object()
_known: weakref.WeakKeyDictionary[Callable[..., Any], Identity] = weakref.WeakKeyDictionary()
_guard = threading.Lock()


def identity_of(function: Callable[..., Any]) -> Identity:
    """Identify a function, or anything else that can be called.

    What it closes over is read once, and again when a cell was given another object. An object that is changed in
    place, like a list that the body appends to, keeps the identity it was first seen with.
    """
    try:
        known = _recall(function)
    except TypeError:  # no weak references, or no hash
        return _Walk().identify(function)
    return known or _remember(function, _Walk().identify(function))


def _recall(function: Callable[..., Any]) -> Identity | None:
    """The identity known so far, if it still holds."""
    with _guard:
        known = _known.get(function)
    return known if known is not None and known.holds() else None


def _remember(function: Callable[..., Any], new: Identity) -> Identity:
    """Agree on one identity, should several threads have made one at the same time."""
    with _guard:
        known = _known.get(function)
        if known is None or not known.holds():
            known = _known[function] = new
        return known


class _Walk:
    """Describes a function and all that it can reach, each once, in the order of discovery."""

    def __init__(self) -> None:
        self.found: list[Callable[..., Any]] = []
        self._numbers: dict[int, int] = {}
        self._portable = True

    def identify(self, function: Callable[..., Any]) -> Identity:
        token = _current.set(self)
        try:
            self.number(function)
            text = "\n".join(self._describe(each) for each in self.found)  # grows on the way
        finally:
            _current.reset(token)
        digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=32).hexdigest()
        cells = tuple((cell, _content(cell)) for cell in _read_cells(function))
        return Identity(digest, self._portable, cells)

    def number(self, function: Callable[..., Any]) -> int:
        """Stand for a function that is described on its own, which also ends every circle."""
        number = self._numbers.setdefault(id(function), len(self.found))
        if number == len(self.found):
            self.found.append(function)
        return number

    def _describe(self, function: Callable[..., Any]) -> str:
        if not isinstance(function, types.FunctionType):
            body = type(function).__call__
            return self._text(function, body if isinstance(body, types.FunctionType) else None)
        code = function.__code__
        assigned = _assigned(code)
        cells = zip(code.co_freevars, function.__closure__ or (), strict=True)
        return self._text(
            module_name(function.__module__),
            function.__qualname__,
            code,
            function.__defaults__,
            function.__kwdefaults__,
            *(_content(cell) for name, cell in cells if name not in assigned),
            *_helpers(function),
        )

    def _text(self, *facts: object) -> str:
        return "".join(self._fact(fact) for fact in facts)

    def _fact(self, fact: object) -> str:
        if fact is _EMPTY:
            return "-"
        try:
            return canonical((fact,))
        except Unhashable:
            self._portable = False
            return f"?{os.urandom(16).hex()};"


_current: ContextVar[_Walk | None] = ContextVar("pegboard_cache_walk", default=None)


def _content(cell: types.CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return _EMPTY


def _read_cells(function: Callable[..., Any]) -> Iterator[types.CellType]:
    """The cells that the body reads and never assigns: what it assigns is its doing, not its input."""
    if isinstance(function, types.FunctionType):
        assigned = _assigned(function.__code__)
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            if name not in assigned:
                yield cell


def _assigned(code: types.CodeType) -> set[str]:
    return {
        instruction.argval
        for each in _nested(code)
        for instruction in dis.get_instructions(each)
        if instruction.opname in _ASSIGNING
    }


def _nested(code: types.CodeType) -> Iterator[types.CodeType]:
    """The code of a function and of all functions written inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _nested(constant)


def _helpers(function: types.FunctionType) -> list[object]:
    """The functions and tasks of the same module that the code names."""
    names: Iterable[str] = sorted({name for code in _nested(function.__code__) for name in code.co_names})
    found = (function.__globals__.get(name) for name in names)
    return [each for each in found if _body(each, function.__module__) is not None]


def _body(value: object, module: str) -> types.FunctionType | None:
    body = value.__wrapped__ if isinstance(value, Task) else value
    return body if isinstance(body, types.FunctionType) and body.__module__ == module else None


def _write_function(value: types.FunctionType, add: Add) -> None:
    walk = _current.get()
    if walk is not None:
        add(f"#{walk.number(value)};")
        return
    identity = identity_of(value)
    if not identity.portable:
        raise Unhashable("a function that closes over something that cannot be hashed")
    add(f"F{identity.digest};")


def _write_code(value: types.CodeType, add: Add) -> None:
    counts = (value.co_argcount, value.co_posonlyargcount, value.co_kwonlyargcount, value.co_flags)
    names = (value.co_names, value.co_varnames, value.co_cellvars, value.co_freevars)
    add(f"P{canonical((value.co_code, value.co_exceptiontable, value.co_consts, *counts, *names))};")


register(types.FunctionType, _write_function)
register(types.CodeType, _write_code)
