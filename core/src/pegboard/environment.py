"""Settings of plugins from environment variables: `PEGBOARD_PROMETHEUS__PORT=9464` is the `port` of `Prometheus`.

Two underscores, as a Kubernetes Service called `pegboard-prometheus` puts `PEGBOARD_PROMETHEUS_PORT=tcp://...` into every pod.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pegboard.discovery import did_you_mean, plugin_name
from pegboard.errors import ConfigError, PegboardError
from pegboard.privacy import MASK, Masks, Secret

if TYPE_CHECKING:
    from pegboard.parts.kinds import Kind

_PREFIX, _BETWEEN, _FILE = "PEGBOARD_", "__", "_FILE"
_BYTES_MOST = 1_000_000


# By id, as plugins need no hash; of classes whose objects have no weak references, the class, or none would ever be let go.
_made_here: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
_made_classes: set[type] = set()
_told: set[str] = set()


def make(plugin: str, cls: Callable[..., object], given: Mapping[str, Any] = MappingProxyType({})) -> object:
    """Make a plugin with what the environment sets, and what else was set for it; the environment goes first.

    Raises:
        ConfigError: As `settings_of`; or the plugin refuses its settings.
    """
    found = settings_of(plugin, cls)
    settings = {**given, **{keyword: each.value for keyword, each in found.items()}}
    if not settings:
        return noted(cls())
    try:
        return noted(cls(**settings))
    except Exception as error:
        is_open = {keyword for keyword, each in found.items() if each.is_open}
        masked = _without(
            str(error), [value for keyword, value in settings.items() if keyword not in is_open]
        )
        is_masked = masked != str(error)
        if isinstance(error, PegboardError) and not is_masked:
            raise
        if is_masked and found:
            masked += f"\nTexts are not shown, as they may be secrets. Set by {', '.join(each.variable for each in found.values())}."
        raise _refused(plugin, settings, error, masked) from (None if is_masked else error)


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
    if _made_here.get(id(plugin)) is plugin or type(plugin) in _made_classes:
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


def noted(plugin: object) -> object:
    """Note that a plugin was made with what the environment sets, here or where it came from; return it."""
    try:
        _made_here[id(plugin)] = plugin
    except TypeError:
        _made_classes.add(type(plugin))
    return plugin


def _refused(plugin: str, settings: Iterable[str], error: Exception, said: str) -> ConfigError:
    if isinstance(error, PegboardError):
        return ConfigError(
            said, where=getattr(error, "where", "the configuration"), key=getattr(error, "key", plugin)
        )
    return ConfigError(
        f"plugin {plugin!r} cannot be made with its settings {', '.join(settings)}: {said}",
        where="the configuration",
        key=plugin,
    )


def _without(text: str, values: Iterable[object]) -> str:
    """Mask the texts among these values, and the words in them, in any of the ways to write them."""
    masks = Masks()
    for each in values:
        for word in _words(each):
            masks.add(word)
            text = text.replace(repr(word), repr(MASK)) if word else text
    return masks.mask(text)


def _words(value: object) -> list[str]:
    import re

    if isinstance(value, Secret):
        return _words(value.reveal())
    if isinstance(value, str | os.PathLike):
        whole = str(os.fspath(value))
        return [whole, *re.findall(r"[^\s:/@?&=,;]+", whole.partition("://")[2] or whole)]
    if isinstance(value, Mapping):
        return [word for each in value.values() for word in _words(each)]
    several = value if isinstance(value, list | tuple | set | frozenset) else ()
    return [word for each in several for word in _words(each)]


class Setting:
    """What a variable sets.

    Attributes:
        variable: Its name.
        value: Converted to what the parameter takes.
        is_open: Whether the value may be shown: any text may be a secret.
    """

    def __init__(self, variable: str, value: Any, *, is_open: bool) -> None:
        self.variable = variable
        self.value = value
        self.is_open = is_open


def settings_of(plugin: str, cls: Callable[..., object]) -> dict[str, Setting]:
    """Return what the environment sets for a plugin, by the names of its parameters.

    Args:
        plugin: Its name.
        cls: Its class.

    Raises:
        ConfigError: A variable sets what the plugin has not, or what cannot be set by a text, or its value does not convert; or two
            set the same.
    """
    names = names_of(plugin)
    if not names:
        return {}
    kinds = settable(cls)
    found: dict[str, Setting] = {}
    for name in names:
        keyword, is_file = _keyword(name, plugin, kinds)
        if keyword in found:
            raise ConfigError(
                f"{found[keyword].variable} and {name} are both set: which of them holds? Set one.",
                where="the environment",
                key=name,
            )
        found[keyword] = _setting(name, _read(name) if is_file else os.environ[name], kinds[keyword])
    return found


def settable(cls: Callable[..., object]) -> dict[str, list[Kind]]:
    """Return what a text may be for each parameter that can be given by its name; nothing where it takes no text."""
    import inspect
    import sys

    from pegboard.parts.kinds import kinds_of

    try:
        parameters = inspect.signature(cls).parameters.values()
    except ValueError:  # of a class that is written in C
        return {}
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    makes = cls.__init__ if isinstance(cls, type) else cls  # type: ignore[misc]
    names = getattr(makes, "__globals__", None) or vars(sys.modules.get(cls.__module__, sys))
    return {each.name: kinds_of(each.annotation, names) for each in parameters if each.kind in named}


def names_of(plugin: str) -> list[str]:
    """Return the environment variables for a plugin, set or not settable."""
    prefix = _prefix(plugin)
    return sorted(name for name in os.environ if name.startswith(prefix) and len(name) > len(prefix))


def _prefix(plugin: str) -> str:
    return f"{_PREFIX}{plugin.upper().replace('-', '_')}{_BETWEEN}"


def _keyword(name: str, plugin: str, kinds: Mapping[str, list[Kind]]) -> tuple[str, bool]:
    """Tell which parameter a variable is for, and whether it names a file with the value.

    Raises:
        ConfigError: There is none, or it takes no text.
    """
    prefix = _prefix(plugin)
    word = name.removeprefix(prefix)
    by_word = {keyword.upper(): keyword for keyword in kinds}
    is_file = word not in by_word
    found = by_word.get(word.removesuffix(_FILE) if is_file else word)
    if found is not None and kinds[found]:
        return found, is_file
    known = [f"{prefix}{keyword.upper()}" for keyword, taken in kinds.items() if taken]
    what = f"{plugin!r} has no such parameter" if found is None else f"{found!r} takes no text"
    raise ConfigError(
        f"{name}: {what}.{did_you_mean(name, known)} Settable: {', '.join(known) or 'nothing'}.",
        where="the environment",
        key=name,
    )


def _setting(name: str, text: str, kinds: list[Kind]) -> Setting:
    from pegboard.parts.kinds import NO

    for kind in kinds:
        value = kind.convert(text)
        if value is not NO:
            return Setting(name, Secret(value) if kind.is_secret else value, is_open=kind.is_open)
    what = " or ".join(dict.fromkeys(kind.what for kind in kinds))
    raise ConfigError(
        f"{name} is not {what}.\nIts value is not shown, as it may be a secret.",
        where="the environment",
        key=name,
    )


def _read(name: str) -> str:
    """Read the file that a variable names; the last line break is none of the value."""
    try:
        with open(os.environ[name], encoding="utf-8-sig") as file:  # noqa: PTH123 - pathlib costs more than all of this
            text = file.read(_BYTES_MOST + 1)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
    else:
        if len(text) <= _BYTES_MOST:
            return text.removesuffix("\n")
        reason = f"it is larger than {_BYTES_MOST:,} bytes"
    raise ConfigError(
        f"{name} names a file that cannot be read: {reason}.", where="the environment", key=name
    )
