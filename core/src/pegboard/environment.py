"""Settings of plugins from environment variables: `PEGBOARD_PROMETHEUS__PORT=9464` is the `port` of `Prometheus`.

Two underscores, as a Kubernetes Service called `pegboard-prometheus` puts `PEGBOARD_PROMETHEUS_PORT=tcp://...` into every pod.
"""

from __future__ import annotations

import contextlib
import os
import weakref
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pegboard.discovery import did_you_mean, plugin_name
from pegboard.errors import ConfigError, PegboardError
from pegboard.privacy import Secret

if TYPE_CHECKING:
    import ast

_PREFIX, _BETWEEN, _FILE = "PEGBOARD_", "__", "_FILE"
_BYTES_MOST = 1_000_000
_TRUE, _FALSE = frozenset(("1", "true", "yes", "on")), frozenset(("0", "false", "no", "off"))
_NO = object()  # what a text is that is no value of a kind


# By id, as plugins need no hash.
_made_here: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
_told: set[str] = set()


def make(plugin: str, cls: Callable[..., object], given: Mapping[str, Any] = MappingProxyType({})) -> object:
    """Make a plugin with what the environment sets, and what else was set for it; the environment goes first.

    Raises:
        ConfigError: As `settings_of`; or the plugin refuses its settings.
    """
    settings = {**given, **{keyword: each.value for keyword, each in settings_of(plugin, cls).items()}}
    if not settings:
        return _noted(cls())
    try:
        return _noted(cls(**settings))
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"plugin {plugin!r} cannot be made with its settings {', '.join(settings)}: {error}",
            where="the configuration",
            key=plugin,
        ) from error


def make_named(name: str, cls: type, given: Mapping[str, Any] = MappingProxyType({})) -> object:
    """Make a plugin that was named, and not given.

    Raises:
        ConfigError: As `make`; or it cannot be made without settings.
    """
    try:
        return make(name, cls, given)
    except PegboardError:
        raise
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"plugin {name!r} cannot be made without settings: {error}\n"
            f"Attach one that has them: Session({cls.__name__}(...), ...).",
            where="the configuration",
            key=name,
        ) from error


def tell_of_idle(plugin: object) -> None:
    """Log which variables set nothing, once each: those of a plugin that the program itself made."""
    if _made_here.get(id(plugin)) is plugin:
        return
    for name in names_of(plugin_name(plugin)):
        if name not in _told:
            import logging

            _told.add(name)
            logging.getLogger("pegboard").warning(
                "%s has no effect: the program makes the plugin %r itself. Attach it by its name, or let the program read the "
                "variable.",
                name,
                plugin_name(plugin),
            )


def _noted(plugin: object) -> object:
    with contextlib.suppress(TypeError):  # of a class whose objects have no weak references
        _made_here[id(plugin)] = plugin
    return plugin


class Setting:
    """What a variable sets.

    Attributes:
        variable: Its name.
        value: Converted to what the parameter takes.
        shown: The value, or `***`: any text may be a secret.
    """

    def __init__(self, variable: str, value: Any, shown: str) -> None:
        self.variable = variable
        self.value = value
        self.shown = shown


def settings_of(plugin: str, cls: Callable[..., object]) -> dict[str, Setting]:
    """Return what the environment sets for a plugin, by the names of its parameters.

    Args:
        plugin: Its name.
        cls: Its class.

    Raises:
        ConfigError: A variable sets what the plugin has not, or what cannot be set by a text, or its value does not convert.
    """
    names = names_of(plugin)
    if not names:
        return {}
    import inspect

    parameters = inspect.signature(cls).parameters
    kinds = {name: _kinds(cls, parameter.annotation) for name, parameter in parameters.items()}
    keywords = {name: _keyword(name, plugin, kinds) for name in names}
    return {keyword: _setting(name, keyword, kinds[keyword]) for name, keyword in keywords.items()}


def names_of(plugin: str) -> list[str]:
    """Return the environment variables for a plugin, set or not settable."""
    prefix = f"{_PREFIX}{plugin.upper().replace('-', '_')}{_BETWEEN}"
    return sorted(name for name in os.environ if name.startswith(prefix) and len(name) > len(prefix))


def _keyword(name: str, plugin: str, kinds: Mapping[str, list[_Kind]]) -> str:
    """Tell which parameter a variable is for.

    Raises:
        ConfigError: There is none, or it takes no text.
    """
    word = name.partition(_BETWEEN)[2]
    by_word = {keyword.upper(): keyword for keyword in kinds}
    found = by_word.get(word) or by_word.get(word.removesuffix(_FILE))
    if found is not None and kinds[found]:
        return found
    prefix = name.removesuffix(word)
    known = [f"{prefix}{keyword.upper()}" for keyword, taken in kinds.items() if taken]
    what = f"{plugin!r} has no such parameter" if found is None else f"{found!r} takes no text"
    raise ConfigError(
        f"{name}: {what}.{did_you_mean(name, known)} Settable: {', '.join(known) or 'nothing'}.",
        where="the environment",
        key=name,
    )


def _setting(name: str, keyword: str, kinds: list[_Kind]) -> Setting:
    text = os.environ[name]
    if not name.endswith(keyword.upper()):
        text = _read(name, text)
    for kind in kinds:
        value = kind.convert(text)
        if value is not _NO:
            return Setting(name, value, repr(value) if kind.is_open else "***")
    what = " or ".join(kind.what for kind in kinds)
    raise ConfigError(
        f"{name} is not {what}.\nIts value is not shown, as it may be a secret.",
        where="the environment",
        key=name,
    )


def _read(name: str, path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123 - pathlib costs more than all of this
            text = file.read(_BYTES_MOST)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise ConfigError(
            f"{name} names a file that cannot be read: {reason}.", where="the environment", key=name
        ) from None
    return text.removesuffix("\n").removesuffix("\r")


class _Kind:
    """Values of one kind that a text may be.

    Attributes:
        what: What people call it.
        convert: Makes the value, or `_NO`.
        is_open: Whether such a value may be shown.
    """

    def __init__(self, what: str, convert: Callable[[str], Any], *, is_open: bool = False) -> None:
        self.what = what
        self.convert = convert
        self.is_open = is_open


def _number(make: Callable[[str], Any]) -> Callable[[str], Any]:
    def convert(text: str) -> Any:
        try:
            return make(text)
        except ValueError:
            return _NO

    return convert


def _truth(text: str) -> Any:
    word = text.strip().lower()
    return True if word in _TRUE else False if word in _FALSE else _NO


def _list(text: str) -> Any:
    return [part for each in text.split(",") if (part := each.strip())]


def _mapping(text: str) -> Any:
    pairs = [each.partition("=") for each in _list(text)]
    if not all(key.strip() and between for key, between, _ in pairs):
        return _NO
    return {key.strip(): value.strip() for key, _, value in pairs}


def _secret(text: str) -> Any:
    return Secret(text)


_KINDS = {
    "None": _Kind("empty", lambda text: None if not text else _NO, is_open=True),
    "bool": _Kind("true or false", _truth, is_open=True),
    "int": _Kind("a whole number", _number(int), is_open=True),
    "float": _Kind("a number", _number(float), is_open=True),
    "Secret[str]": _Kind("a text", _secret),
    "Mapping[str, str]": _Kind("key=value,key=value", _mapping),
    "list[str]": _Kind("a list with commas", _list),
    "str": _Kind("a text", str),
}
_ORDER = list(_KINDS)
_SAME = {
    "os.PathLike[str]": "str",
    "PathLike[str]": "str",
    "Path": "str",
    "Iterable[str]": "list[str]",
    "Sequence[str]": "list[str]",
    "Collection[str]": "list[str]",
    "dict[str, str]": "Mapping[str, str]",
}


def _kinds(cls: Callable[..., object], annotation: object) -> list[_Kind]:
    """Return the kinds of values that a text may be for a parameter, the narrowest first; empty where it takes no text."""
    import ast

    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
    try:
        parts = list(_parts(ast.parse(text, mode="eval").body))
    except SyntaxError:
        return []
    names = {_SAME.get(part, part) for part in map(ast.unparse, parts)}
    chosen = [choice for part in parts for choice in _choices(cls, part)]
    found = [_KINDS[name] for name in _ORDER if name in names]
    if chosen:
        found.insert(1 if "None" in names else 0, _literal(chosen))
    return [] if names <= {"None"} or not found or found == [_KINDS["None"]] else found


def _parts(node: ast.expr) -> Iterator[ast.expr]:
    """The members of a union."""
    import ast

    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        yield from _parts(node.left)
        yield from _parts(node.right)
    else:
        yield node


def _choices(cls: Callable[..., object], node: ast.expr) -> tuple[object, ...]:
    """The values of a `Literal`, or of the name of one in the module of the class."""
    import ast
    import sys
    from typing import Literal, get_args, get_origin

    if isinstance(node, ast.Subscript) and ast.unparse(node.value) in {"Literal", "typing.Literal"}:
        value = ast.literal_eval(node.slice)
        return value if isinstance(value, tuple) else (value,)
    named = getattr(sys.modules.get(cls.__module__), ast.unparse(node), None)
    return get_args(named) if get_origin(named) is Literal else ()


def _literal(choices: list[object]) -> _Kind:
    by_text = {str(choice): choice for choice in choices}
    return _Kind(f"one of {', '.join(by_text)}", lambda text: by_text.get(text, _NO), is_open=True)
