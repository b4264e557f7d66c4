"""Which values a text may stand for, by the annotation of a parameter: a setting from the environment is a text."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, ForwardRef, Literal, Union, get_args, get_origin

NO = object()
"""What a text stands for that is no value of a kind."""
_TRUE, _FALSE = frozenset(("1", "true", "yes", "on")), frozenset(("0", "false", "no", "off"))


class Kind:
    """Values of one kind that a text may be.

    Attributes:
        what: What people call it.
        convert: Makes the value, or `NO`.
        is_open: Whether such a value may be shown, as it cannot be a secret.
        is_secret: Whether the parameter takes it as a `Secret`, which whoever converts has to make of it.
    """

    def __init__(
        self, what: str, convert: Callable[[str], Any], *, is_open: bool = False, is_secret: bool = False
    ) -> None:
        self.what = what
        self.convert = convert
        self.is_open = is_open
        self.is_secret = is_secret


def kinds_of(annotation: object, names: Mapping[str, object]) -> list[Kind]:
    """Return the kinds of values that a text may be for a parameter, the narrowest first; empty where it takes no text.

    Members of a union that no text can be are left out.

    Args:
        annotation: Of the parameter, as an object or as text.
        names: What the names in it mean: the globals of the module that it stands in.
    """
    members = list(_members(annotation, names))
    choices = [choice for member in members if isinstance(member, _Choices) for choice in member.values]
    known = {member for member in members if isinstance(member, str)} | {
        "None" for each in choices if each is None
    }
    found = [kind for name, kind in _KINDS.items() if name in known and name != "None"]
    if any(each is not None for each in choices):
        found.insert(0, _literal([each for each in choices if each is not None]))
    return [_KINDS["None"], *found] if found and "None" in known else found


def is_open(value: object, kinds: Iterable[Kind]) -> bool:
    """Whether a value that was set otherwise, as in a file, may be shown: a number, a flag, nothing, or one of a few words."""
    if value is None or isinstance(value, bool | int | float):
        return True
    return isinstance(value, str) and any(kind.is_open and kind.convert(value) == value for kind in kinds)


class _Choices:
    """The values of a `Literal`."""

    def __init__(self, values: Iterable[object]) -> None:
        self.values = [value for value in values if value is None or isinstance(value, str | int)]


def _members(annotation: object, names: Mapping[str, object]) -> Iterator[str | _Choices]:
    """The members of a union, or the one that it is: names of kinds, and choices."""
    if isinstance(annotation, str):
        yield from _of_text(annotation, names)
        return
    if isinstance(annotation, ForwardRef):
        yield from _of_text(annotation.__forward_arg__, names)
        return
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        yield from _members(inner[0], names)
    elif origin in (Union, UnionType):
        for each in inner:
            yield from _members(each, names)
    elif origin is Literal:
        yield _Choices(inner)
    elif annotation is None or annotation is NoneType:
        yield "None"
    elif isinstance(annotation, type) and not inner:
        yield from _named(annotation.__name__)
    elif hasattr(annotation, "__value__") or hasattr(
        annotation, "__supertype__"
    ):  # `type X = ...`, and NewType
        yield from _members(getattr(annotation, "__value__", None) or annotation.__supertype__, names)  # type: ignore[attr-defined]
    elif inner:
        yield from _of_text(str(annotation), names)


def _of_text(text: str, names: Mapping[str, object]) -> Iterator[str | _Choices]:
    try:
        node = ast.parse(text.strip(), mode="eval").body
    except SyntaxError:
        return
    yield from _of_node(node, names)


def _of_node(node: ast.expr, names: Mapping[str, object]) -> Iterator[str | _Choices]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        yield from _of_node(node.left, names)
        yield from _of_node(node.right, names)
    elif isinstance(node, ast.Constant):
        if node.value is None:
            yield "None"
        elif isinstance(node.value, str):
            yield from _of_text(node.value, names)
    elif isinstance(node, ast.Subscript):
        yield from _of_subscript(node, names)
    elif isinstance(node, ast.Name | ast.Attribute):
        word = _last(node)
        known = list(_named(word))
        found = names.get(word) if isinstance(node, ast.Name) else None
        if known or found is None or isinstance(found, str):
            yield from known
        else:
            yield from _members(found, names)


def _of_subscript(node: ast.Subscript, names: Mapping[str, object]) -> Iterator[str | _Choices]:
    head = _last(node.value)
    inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    if head == "Literal":
        yield _Choices(each.value for each in inner if isinstance(each, ast.Constant))
    elif head == "Annotated":
        yield from _of_node(inner[0], names)
    elif head in ("Union", "Optional"):
        for each in inner:
            yield from _of_node(each, names)
        if head == "Optional":
            yield "None"
    else:
        yield from _named(f"{head}[{', '.join(map(_last, inner))}]")


def _last(node: ast.expr) -> str:
    """A name without the modules before it."""
    return node.attr if isinstance(node, ast.Attribute) else ast.unparse(node)


def _named(word: str) -> Iterator[str]:
    kind = _SAME.get(word, word)
    if kind in _KINDS:
        yield kind


def _number(make: Callable[[str], Any]) -> Callable[[str], Any]:
    def convert(text: str) -> Any:
        try:
            return make(text)
        except ValueError:
            return NO

    return convert


def truth(text: str) -> Any:
    """Read a word for true or false; any other is `NO`."""
    word = text.strip().lower()
    return True if word in _TRUE else False if word in _FALSE else NO


def _list(text: str) -> list[str]:
    return [part for each in text.split(",") if (part := each.strip())]


def _mapping(text: str) -> Any:
    pairs = [each.partition("=") for each in _list(text)]
    if not all(key.strip() and between for key, between, _ in pairs):
        return NO
    return {key.strip(): value.strip() for key, _, value in pairs}


def _literal(choices: list[object]) -> Kind:
    by_text = {str(choice): choice for choice in choices}
    flags = {choice for choice in choices if isinstance(choice, bool)}

    def convert(text: str) -> Any:
        found = by_text.get(text, by_text.get(text.strip(), NO))
        flag = truth(text)
        return flag if found is NO and flag in flags else found

    return Kind(f"one of {', '.join(by_text)}", convert, is_open=True)


_WITH_COMMAS = "a list with commas"
_KINDS = {  # the narrowest first
    "None": Kind("empty", lambda text: NO if text else None, is_open=True),
    "bool": Kind("true or false", truth, is_open=True),
    "int": Kind("a whole number", _number(int), is_open=True),
    "float": Kind("a number", _number(float), is_open=True),
    "Secret[str]": Kind("a text", str, is_secret=True),
    "Mapping[str, str]": Kind("key=value,key=value", _mapping),
    "list[str]": Kind(_WITH_COMMAS, _list),
    "tuple[str, ...]": Kind(_WITH_COMMAS, lambda text: tuple(_list(text))),
    "set[str]": Kind(_WITH_COMMAS, lambda text: set(_list(text))),
    "frozenset[str]": Kind(_WITH_COMMAS, lambda text: frozenset(_list(text))),
    "str": Kind("a text", str),
    "Path": Kind("a path", Path),
}
_SAME = {
    "NoneType": "None",
    "PathLike[str]": "Path",
    "PathLike": "Path",
    **dict.fromkeys(("Dict[str, str]", "dict[str, str]", "MutableMapping[str, str]"), "Mapping[str, str]"),
    **{
        f"{each}[str]": "list[str]"
        for each in ("List", "Iterable", "Sequence", "MutableSequence", "Collection")
    },
    "Tuple[str, ...]": "tuple[str, ...]",
    **{f"{each}[str]": "set[str]" for each in ("Set", "AbstractSet", "MutableSet")},
    "FrozenSet[str]": "frozenset[str]",
}
