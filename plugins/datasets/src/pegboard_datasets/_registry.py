"""Which format serves: what asks for it by extension or name first, then the type of the value."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

import attrs

from pegboard_datasets import _entry_points
from pegboard_datasets._array_formats import ARRAY_FORMATS
from pegboard_datasets._errors import UnknownFormat
from pegboard_datasets._exact_format import EXACT_FORMAT, exact_values
from pegboard_datasets._plain_formats import PLAIN_FORMATS

if TYPE_CHECKING:
    from pegboard_datasets._format import Format

BUILT_IN = (*PLAIN_FORMATS, *ARRAY_FORMATS, EXACT_FORMAT)


@attrs.frozen
class Choice:
    """The formats that an extension or a name leaves, before the type decides.

    Attributes:
        asked: What asked for them, as an error says it; "" where nothing did, and the type alone decides.
        levels: Those given to the plugin, and then all others; the first level that fits decides.
    """

    asked: str
    levels: tuple[tuple[Format, ...], ...]

    def for_value(self, value: object) -> Format:
        """Choose the format that writes a value.

        Raises:
            UnknownFormat: None takes its type, or several do equally well.
        """
        cls = type(value)
        for level in self.levels:
            found = _nearest(level, cls) or self._for_others(level)
            if found:
                return self._only(found)
        raise self.unknown(cls)

    def may_hold(self, cls: type) -> bool:
        """Whether a value that is a `cls` may be written; where nothing asked for a format, exactly as it is."""
        exact = None if self.asked else exact_values()
        return any(
            self._for_others(level)
            or any(
                _nearest(level, each) or (exact is not None and exact.holds(each)) for each in _kinds_of(cls)
            )
            for level in self.levels
        )

    def for_type(self, wanted: Any) -> Format:
        """Choose the format that reads a type; None stands for whatever is in the file.

        Raises:
            UnknownFormat: None gives that type, or several could be meant.
        """
        cls = class_of(wanted)
        for level in self.levels:
            if cls is None:
                found = list(level)
            else:
                found = _nearest(level, cls) or [each for each in level if each.gives(cls)]
                found = found or self._for_others(level)
            if found:
                return self._only(found)
        raise self.unknown(cls)

    def _for_others(self, level: Sequence[Format]) -> list[Format]:
        """Those that may be tried for types not their own, as they were asked for."""
        return [each for each in level if self.asked and each.others]

    def _only(self, found: Sequence[Format]) -> Format:
        if len(found) == 1:
            return found[0]
        names = tuple(each.name for each in found)
        raise UnknownFormat(
            f"{self._where()} may be any of: {', '.join(names)}.\n"
            f"Pegboard will not guess between them. Name the type that is wanted, or one of these with format=.",
            key="",
            store="",
            candidates=names,
        )

    def unknown(self, cls: type | None) -> UnknownFormat:
        """Make the error for a type that none of these formats takes."""
        names = tuple(dict.fromkeys(each.name for level in self.levels for each in level))
        what = "" if cls is None else f" of type {cls.__name__}"
        return UnknownFormat(
            f"{self._where()} cannot hold a value{what}. Candidates: {', '.join(names)}.\n"
            f"Take another extension or format=, or give Datasets(formats=[...]) one that takes it.",
            key="",
            store="",
            candidates=names,
        )

    def _where(self) -> str:
        return f"a file with {self.asked}" if self.asked else "a key without an extension"


class Registry:
    """The formats of one plugin: those given to it, the built-in ones, and those of other distributions."""

    def __init__(self, given: Iterable[Format] = ()) -> None:
        self._given = tuple(given)
        self._known: dict[tuple[str, str], Choice] = {}

    def choose(self, key: str, name: str | None = None) -> Choice:
        """Narrow the formats down by name, or else by the extension of a key.

        Raises:
            UnknownFormat: There is none of that name or extension.
        """
        if name is not None:
            return self._labelled("format", [name])
        labels = list(extensions_of(key))
        return self._labelled("extension", labels) if labels else self._unasked()

    def named(self, name: str) -> Format:
        """Return the format of exactly this name.

        Raises:
            UnknownFormat: There is none, or there are two.
        """
        choice = self.choose("", name)
        exact = tuple(tuple(each for each in level if each.name == name) for level in choice.levels)
        if not any(exact):
            raise self._missing("format", name)
        return Choice(choice.asked, exact).for_type(None)

    def _labelled(self, kind: str, labels: Sequence[str]) -> Choice:
        for label in labels:
            choice = self._known.get((kind, label))
            if choice is None:
                levels = (_with(self._given, label), (*_with(BUILT_IN, label), *_entry_points.load(label)))
                if not any(levels):
                    continue
                choice = self._known[kind, label] = Choice(f"{kind} {label!r}", levels)
            return choice
        raise self._missing(kind, labels[-1])

    def _unasked(self) -> Choice:
        return Choice(
            "", tuple(tuple(each for each in level if each.default) for level in (self._given, BUILT_IN))
        )

    def _missing(self, kind: str, label: str) -> UnknownFormat:
        formats = (*self._given, *BUILT_IN)
        known = (
            [each.name for each in formats]
            if kind == "format"
            else [extension[1:] for each in formats for extension in each.extensions]
        )
        names = tuple(dict.fromkeys([*known, *_entry_points.offered()]))
        way = (
            "Pickles run code when they are read, so they are asked for: Datasets(formats=[pickle_format(key)])."
            if label in {"pickle", "pkl"}
            else "Take one of these, or give Datasets(formats=[...]) a Format of your own."
        )
        return UnknownFormat(
            f"there is no format for {kind} {label!r}. Known: {', '.join(names)}.\n{way}",
            key="",
            store="",
            candidates=names,
        )


def extensions_of(key: str) -> Iterator[str]:
    """Yield the endings of a key's last part that may be its extension, without the dot, the longest first."""
    _, *endings = key.rpartition("/")[2].lstrip(".").split(".")
    for start in range(len(endings)):
        yield ".".join(endings[start:]).lower()


def class_of(wanted: Any) -> type | None:
    """The class behind a type: of `list[int]` and `list[int] | None`, a list; None for `Any`, and where there is no one class."""
    origin = get_origin(wanted)
    if origin is Annotated:
        return class_of(get_args(wanted)[0])
    if origin in {Union, types.UnionType}:
        members = [each for each in get_args(wanted) if each is not types.NoneType]
        return class_of(members[0]) if len(members) == 1 else None
    if isinstance(wanted, typing.NewType):
        return class_of(wanted.__supertype__)
    cls = origin or wanted
    return cls if isinstance(cls, type) and cls not in {Any, object, types.NoneType} else None


def _kinds_of(cls: type) -> Iterator[type]:
    """A class and its subclasses so far: a value that is annotated with the one may be one of the others."""
    yield cls
    below: list[type] = type.__subclasses__(cls)
    for each in below:
        yield from _kinds_of(each)


def _with(formats: Iterable[Format], label: str) -> tuple[Format, ...]:
    return tuple(each for each in formats if each.name == label or f".{label}" in each.extensions)


def _nearest(level: Iterable[Format], cls: type) -> list[Format]:
    distances = [(distance, each) for each in level if (distance := each.distance(cls)) is not None]
    least = min((distance for distance, _ in distances), default=None)
    return [each for distance, each in distances if distance == least]
