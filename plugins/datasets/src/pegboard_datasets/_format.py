"""A format: how values of some types become the bytes of a file, and come back."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import attrs


class Unfit(ValueError):  # noqa: N818 - a reason
    """Raised by formats for a value or file they cannot take, with a reason that names types only and may be shown."""


def _named(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, str) or not value.replace("-", "").isidentifier():
        raise ValueError(f"{attribute.name} of a format is a word such as 'yaml', not {value!r}.")


def _dotted(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, tuple) or not all(_is_extension(each) for each in value):
        raise ValueError(
            f"{attribute.name} of a format is a tuple of texts that begin with a dot, as in ('.yaml', '.yml'), unlike {value!r}."
        )


def _is_extension(each: object) -> bool:
    return isinstance(each, str) and len(each) > 1 and each.startswith(".") and "/" not in each


def _classes(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, tuple) or not all(_is_class(each) for each in value):
        raise TypeError(
            f"{attribute.name} of a format is a tuple of classes, and of texts such as 'pandas:DataFrame', unlike {value!r}."
        )


def _is_class(each: object) -> bool:
    return isinstance(each, type) or (isinstance(each, str) and each.count(":") == 1)


def _takes(count: int) -> Callable[..., None]:
    def validate(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
        if not callable(value):
            raise TypeError(f"{attribute.name} of a format is a function, not {value!r}.")
        try:
            inspect.signature(value).bind(*range(count))
        except ValueError:  # a builtin that does not tell
            return
        except TypeError:
            raise TypeError(
                f"{attribute.name} of a format takes {count} argument(s), unlike {value!r}."
            ) from None

    return validate


@attrs.frozen
class Format:
    """How values of some types are written and read.

    Attributes:
        name: What `format=` and an `ArtifactRef` call it; unique among formats of one extension.
        extensions: Those of its files, with the dot; the first is that of artifacts.
        types: Classes whose values it takes, subclasses included. A class that is not to be imported for this is
            written as its top package and name: `"pandas:DataFrame"`.
        dump: Gives the bytes of a value.
        load: Takes the bytes and the type that is wanted, which is None, a class, or a type such as `list[Row]`.
        default: Whether it is used for its types where neither an extension nor a name asks for a format.
        others: Whether it may be tried for other types, where its extension or name asks for it and no other format fits.
        check: Called before `dump` where nobody asked for this format; raises ValueError, naming types only, for a
            value that would come back as another.
        extra: The extra of `pegboard-datasets` that installs what it imports.
    """

    name: str = attrs.field(validator=_named)
    extensions: tuple[str, ...] = attrs.field(validator=_dotted)
    types: tuple[type | str, ...] = attrs.field(validator=_classes)
    dump: Callable[[Any], bytes] = attrs.field(validator=_takes(1), repr=False)
    load: Callable[[bytes, Any], Any] = attrs.field(validator=_takes(2), repr=False)
    default: bool = attrs.field(default=False, kw_only=True)
    others: bool = attrs.field(default=False, kw_only=True)
    check: Callable[[Any], None] | None = attrs.field(default=None, kw_only=True, repr=False)
    extra: str = attrs.field(default="", kw_only=True)

    def distance(self, cls: type) -> int | None:
        """How far `cls` is from the nearest of `types`: 0 for one of them, more for a subclass, None for no relation."""
        found = [
            place for place, base in enumerate(cls.__mro__) if any(_is(base, known) for known in self.types)
        ]
        return found[0] if found else None

    def gives(self, cls: type) -> bool:
        """Whether what it loads could be a `cls`: a type of its own, a subclass, or an abstract class over one."""
        return self.distance(cls) is not None or any(
            isinstance(known, type) and issubclass(known, cls) for known in self.types
        )


def _is(cls: type, known: type | str) -> bool:
    if isinstance(known, type):
        return cls is known
    package, _, name = known.partition(":")
    return cls.__qualname__ == name and cls.__module__.partition(".")[0] == package
