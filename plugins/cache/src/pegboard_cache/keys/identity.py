"""What makes a function this function: its code, its defaults, what it closes over and the helpers it calls.

A value kept for a function must not answer for another one, nor for the same one after an edit. So everything that a
body is made of goes into its identity, and nothing that does not change what it does: file names, line numbers and
comments stay out.
"""

from __future__ import annotations

import dis
import os
import types
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from hashlib import blake2b
from typing import Any

import attrs

from pegboard.parts import new_lock
from pegboard_cache._module_names import module_of
from pegboard_cache.keys.encoder import Add, Unhashable, canonical, register, write_class
from pegboard_cache.keys.own_code import OwnCode
from pegboard_cache.keys.reached import Reach, Unloaded, nested

_ASSIGNING = frozenset(("STORE_DEREF", "DELETE_DEREF"))
_FOUND_MOST = 1000  # further ones are not looked at: a bound on what binding a task costs


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
_guard = new_lock()


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
    """Describes a function and all functions, classes and modules that it can reach, each once, in the order of discovery.

    What was reached by a global name may close over things without a text, such as a decorator's lock: like other globals
    they are known by name, and do not keep another process from the same digest.
    """

    def __init__(self) -> None:
        self.found: list[Any] = []
        self._are_global: list[bool] = []
        self._numbers: dict[int, int] = {}
        self._in_globals = False
        self._portable = True
        self._own = OwnCode("", None)

    def identify(self, function: Callable[..., Any]) -> Identity:
        token = _current.set(self)
        try:
            self.number(function)
            text = "\n".join(self._describe(*each) for each in zip(self.found, self._are_global))  # noqa: B905 - both grow on the way
        finally:
            _current.reset(token)
        digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=32).hexdigest()
        cells = tuple((cell, _content(cell)) for cell in _read_cells(function))
        return Identity(digest, self._portable, cells)

    def number(self, thing: object) -> int:
        """Stand for something that is described on its own, which also ends every circle."""
        number = self._numbers.setdefault(id(thing), len(self._numbers))
        if number == len(self.found) < _FOUND_MOST:
            self.found.append(thing)
            self._are_global.append(self._in_globals)
        return number

    def has(self, cls: type) -> bool:
        """Whether a class is described, and not known by its name alone."""
        return self._own.has(cls.__module__)

    def _describe(self, thing: Any, is_global: bool) -> str:
        self._in_globals = is_global
        if isinstance(thing, types.FunctionType):
            return self._function(thing)
        if isinstance(thing, Unloaded):
            self._own = OwnCode.of(thing.name, thing.names)
            return self._text(thing.name, thing.code, *Reach(self._own, thing.names).by(thing.code))
        if isinstance(thing, type):
            self._own = OwnCode.of(module_of(thing), _globals_of(thing))
            self._in_globals = True
            return self._text(module_of(thing), thing.__qualname__, *Reach(self._own, {}).of_class(thing))
        self._own = OwnCode.of(module_of(type(thing)), _globals_of(type(thing)))
        body = type(thing).__call__
        return self._text(thing, body if isinstance(body, types.FunctionType) else None)

    def _function(self, function: types.FunctionType) -> str:
        self._own = OwnCode.of(module_of(function), function.__globals__)
        code = function.__code__
        assigned = _assigned(code)
        cells = zip(code.co_freevars, function.__closure__ or (), strict=True)
        own = self._text(
            module_of(function),
            function.__qualname__,
            code,
            function.__defaults__,
            function.__kwdefaults__,
            *(_content(cell) for name, cell in cells if name not in assigned),
        )
        self._in_globals = True
        reach = Reach(self._own, function.__globals__)
        return own + self._text(*_class_of(function), *reach.by(code))

    def _text(self, *facts: object) -> str:
        return "".join(self._fact(fact) for fact in facts)

    def _fact(self, fact: object) -> str:
        if fact is _EMPTY:
            return "-"
        try:
            return canonical((fact,))
        except Unhashable:
            if self._in_globals:
                return f"?{type(fact).__qualname__};"
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
    """The closed-over names that the code, or a function inside it, assigns."""
    if not code.co_freevars:
        return set()
    return {
        instruction.argval
        for each in nested(code)
        for instruction in dis.get_instructions(each)
        if instruction.opname in _ASSIGNING
    }


def _class_of(function: types.FunctionType) -> list[object]:
    """The class that a method stands in, if it is still there by its name."""
    *path, _ = function.__qualname__.split(".")
    found: Any = None
    for place, name in enumerate(path):
        found = function.__globals__.get(name) if place == 0 else getattr(found, "__dict__", {}).get(name)
        if not issubclass(type(found), type):  # not isinstance: it may be a proxy, which must not be woken
            return []
    return [] if found is None else [found]


def _globals_of(cls: type) -> Mapping[str, Any]:
    """What its methods see."""
    functions = (part for part in vars(cls).values() if isinstance(part, types.FunctionType))
    own = (each.__globals__ for each in functions if each.__module__ == cls.__module__)
    return next(own, {})


def _write_class(value: type, add: Add) -> None:
    write_class(value, add)
    walk = _current.get()
    if walk is not None and walk.has(value):
        add(f"#{walk.number(value)};")


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


def _write_unloaded(value: Unloaded, add: Add) -> None:
    walk = _current.get()
    add("" if walk is None else f"#{walk.number(value)};")


register(type, _write_class)
register(Unloaded, _write_unloaded)
register(types.FunctionType, _write_function)
register(types.CodeType, _write_code)
