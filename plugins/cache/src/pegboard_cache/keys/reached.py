"""What code reaches by the names in it: helpers by themselves, as attributes of modules, and by imports in a body.

Nothing is imported for it and nothing is asked: a module that is not loaded is read, and a global object may be a proxy,
which must not be woken.
"""

from __future__ import annotations

import dis
import enum
import functools
import importlib.machinery
import importlib.util
import inspect
import sys
import types
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

import attrs

from pegboard import Task

if TYPE_CHECKING:
    from pegboard_cache.keys.own_code import OwnCode

_BY_TEXT = frozenset(("getattr", "attrgetter", "methodcaller", "globals", "vars", "__dict__"))
_IMPORTING = frozenset(("import_module", "__import__"))
_IMPORT_NAME = dis.opmap["IMPORT_NAME"]
_DEPTH_MOST = 4
_ITEMS_MOST = 1000
_VALUES_MOST = 10_000  # looked at on behalf of one code: a bound on what binding a task costs
_PLAIN = frozenset((bool, int, float, str, bytes))
_NOTHING = _PLAIN | {types.NoneType, types.ModuleType}
_PARTS: dict[type, tuple[str, ...]] = {
    staticmethod: ("__func__",),
    classmethod: ("__func__",),
    types.MethodType: ("__func__", "__self__"),
    property: ("fget", "fset", "fdel"),
    functools.cached_property: ("func",),
    functools.partial: ("func", "args", "keywords"),
    functools.partialmethod: ("func", "args", "keywords"),
    functools.singledispatchmethod: ("func", "dispatcher"),
}


@attrs.frozen(eq=False)
class Unloaded:
    """A module that a body imports and that is not loaded yet: its code stands for all that is in it."""

    name: str
    code: types.CodeType
    package: str

    @property
    def names(self) -> Mapping[str, Any]:
        """What its imports count from."""
        return {"__name__": self.name, "__package__": self.package}


@functools.lru_cache(4096)
def nested(code: types.CodeType) -> tuple[types.CodeType, ...]:
    """The code of a function and of all functions written inside it."""
    inner = (constant for constant in code.co_consts if isinstance(constant, types.CodeType))
    return (code, *(each for one in inner for each in nested(one)))


class Reach:
    """What code reaches of what is its own.

    Args:
        own: What is its own.
        names: The global names that it sees.
    """

    def __init__(self, own: OwnCode, names: Mapping[str, Any]) -> None:
        self._own = own
        self._names = names
        self._seen: set[str] = set()
        self._left = _VALUES_MOST

    def by(self, code: types.CodeType) -> Iterator[object]:
        """Yield the functions, classes, tasks and unloaded modules that the names in the code lead to."""
        names = _names_in(code)
        for name in names if "globals" in names else _own_names(code):
            if name in self._names:
                yield from self._named(self._names[name], names)
        for module in _imported(code, self._names):
            yield from self._module(module, names)

    def of_class(self, cls: type) -> Iterator[object]:
        """Yield what a class is made of: its bases and methods, and its constants by name."""
        yield from (base for base in (*cls.__bases__, type(cls)) if self._own.has(base.__module__))
        if issubclass(cls, enum.Enum):
            yield from (
                (name, member.value) for name, member in cls.__members__.items() if _is_constant(member.value)
            )
        for name, part in sorted(vars(cls).items()):
            if _is_constant(part) and not name.startswith("__"):
                yield from (name, part)
            elif name == "_field_defaults":  # of a named tuple
                yield from (pair for pair in sorted(part.items()) if _is_constant(pair))
            else:
                yield from self.within(part)

    def within(self, value: object, depth: int = 0) -> Iterator[object]:
        """Yield the own functions and classes that a value is, wraps or holds, however they are wrapped."""
        kind = type(value)
        self._left -= 1
        if self._left < 0 or depth > _DEPTH_MOST or kind in _NOTHING:
            return
        if kind is types.FunctionType:
            yield from self._function(value, depth)  # type: ignore[arg-type]
        elif issubclass(kind, type):
            if self._own.has(value.__module__):
                yield value
        elif issubclass(kind, Task):
            if any(True for _ in self.within(value.__wrapped__, depth + 1)):  # type: ignore[attr-defined]
                yield value
        else:
            for part in self._parts(value, kind):
                yield from self.within(part, depth + 1)

    def _function(self, function: types.FunctionType, depth: int) -> Iterator[object]:
        if self._own.has(function.__module__):
            yield function
            return
        yield from self.within(vars(function).get("__wrapped__"), depth + 1)
        for cell in function.__closure__ or ():  # a decorator of others around a function of ours
            yield from self.within(_content(cell), depth + 1)

    def _parts(self, value: Any, kind: type) -> Iterable[object]:
        if kind in _PARTS:
            return [getattr(value, name) for name in _PARTS[kind]]
        if kind is dict or kind is types.MappingProxyType:
            return islice(value.values(), _ITEMS_MOST)
        if kind is list or kind is tuple:
            return islice(value, _ITEMS_MOST)
        if kind is set or kind is frozenset:
            return sorted(islice(value, _ITEMS_MOST), key=_label)
        held = _held(value)
        return (kind, *held) if self._own.has(kind.__module__) else [each for each in held if callable(each)]

    def _named(self, value: object, names: Iterable[str]) -> Iterator[object]:
        if not isinstance(value, types.ModuleType):
            yield from self.within(value)
        elif self._own.has(value.__name__):
            yield from self._attributes(value, names)

    def _attributes(self, module: types.ModuleType, names: Iterable[str]) -> Iterator[object]:
        if module.__name__ in self._seen:
            return
        self._seen.add(module.__name__)
        for name in names:
            yield from self._named(vars(module).get(name), names)

    def _module(self, name: str, names: Iterable[str]) -> Iterator[object]:
        if not self._own.has(name):
            return
        loaded = sys.modules.get(name)
        if isinstance(loaded, types.ModuleType) and name not in _read:
            yield from self._attributes(loaded, names)
            return
        unloaded = _read_module(name)
        if unloaded is not None:
            yield unloaded


_read: dict[str, Unloaded] = {}  # what was read once stays so in this process, also when it is loaded by then


def _read_module(name: str) -> Unloaded | None:
    if name not in _read:
        try:
            spec = _spec(name)
            code = None if spec is None else spec.loader.get_code(name)  # type: ignore[union-attr]
        except (ImportError, AttributeError, SyntaxError, OSError, ValueError):
            return None  # as its import is about to say
        if spec is None or not isinstance(code, types.CodeType):
            return None
        _read[name] = Unloaded(name, code, spec.parent or "")
    return _read[name]


def _spec(name: str) -> importlib.machinery.ModuleSpec | None:
    parent, _, _ = name.rpartition(".")
    if not parent:
        return importlib.machinery.PathFinder.find_spec(name)
    loaded = sys.modules.get(parent)
    if isinstance(loaded, types.ModuleType):
        folders = vars(loaded).get("__path__")
    else:
        spec = _spec(parent)
        folders = None if spec is None else spec.submodule_search_locations
    return None if folders is None else importlib.machinery.PathFinder.find_spec(name, folders)


@functools.lru_cache(4096)
def _own_names(code: types.CodeType) -> tuple[str, ...]:
    """The names in a code, sorted."""
    return tuple(sorted({name for each in nested(code) for name in each.co_names}))


@functools.lru_cache(4096)
def _names_in(code: types.CodeType) -> tuple[str, ...]:
    """The same, and the texts that may serve as names."""
    names = set(_own_names(code))
    if not _BY_TEXT.isdisjoint(names):
        names.update(filter(str.isidentifier, _texts_in(code)))
    return tuple(sorted(names))


def _texts_in(code: types.CodeType) -> Iterator[str]:
    for each in nested(code):
        for constant in each.co_consts:
            if type(constant) is str:
                yield from constant.split(".")  # `attrgetter("prices.vat")`


def _imported(code: types.CodeType, names: Mapping[str, Any]) -> list[str]:
    """The full names of all modules that the code may import, in order."""
    package = names.get("__package__") or str(names.get("__name__", "")).rpartition(".")[0]
    found = dict.fromkeys(
        full
        for each in nested(code)
        if _IMPORT_NAME in each.co_code[::2]
        for level, parts, name in _imports(each)
        for full in _full_names(level, parts, name, package)
    )
    if not _IMPORTING.isdisjoint(_names_in(code)):
        texts = (constant for each in nested(code) for constant in each.co_consts if type(constant) is str)
        for text in texts:
            if all(map(str.isidentifier, text.lstrip(".").split("."))):
                level = len(text) - len(text.lstrip("."))
                found.update(dict.fromkeys(_full_names(level, (), text.lstrip("."), package)))
    return sorted(found)


@functools.lru_cache(4096)
def _imports(code: types.CodeType) -> tuple[tuple[int, tuple[str, ...], str], ...]:
    """The imports in a code: the level of each, what is taken from the module, and the module's name."""
    found = []
    constants: list[Any] = []
    for instruction in dis.get_instructions(code):
        if instruction.opname == "IMPORT_NAME":
            level, parts = constants[-2:] if len(constants) > 1 else (0, None)
            found.append(
                (
                    level if type(level) is int else 0,
                    parts if type(parts) is tuple else (),
                    instruction.argval,
                )
            )
        elif instruction.opname in {"LOAD_CONST", "LOAD_SMALL_INT"}:
            constants.append(instruction.argval)
    return tuple(found)


def _full_names(level: int, parts: tuple[str, ...], name: str, package: str) -> Iterator[str]:
    try:
        full = importlib.util.resolve_name("." * level + name, package) if level else name
    except ImportError:
        return
    pieces = full.split(".")
    for count in range(1, len(pieces) + 1):
        yield ".".join(pieces[:count])
    for part in parts:  # a submodule, or something in the module
        yield f"{full}.{part}"


def _is_constant(value: object) -> bool:
    if type(value) is tuple:
        return all(map(_is_constant, value))
    return type(value) in _PLAIN


def _held(value: object) -> list[object]:
    """The attributes of an object, in the order of their names, without asking it."""
    try:
        state = object.__getattribute__(value, "__dict__")
    except (AttributeError, TypeError):
        state = {}
    wrapped = inspect.getattr_static(value, "__wrapped__", None)
    held = (
        [each for _, each in sorted(state.items(), key=lambda pair: str(pair[0]))]
        if type(state) is dict
        else []
    )
    return held if wrapped is None else [wrapped, *held]


def _content(cell: types.CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None


def _label(value: object) -> str:
    kind = type(value)
    name = getattr(value, "__qualname__", "") if kind is types.FunctionType or issubclass(kind, type) else ""
    return f"{kind.__qualname__}:{name}"
