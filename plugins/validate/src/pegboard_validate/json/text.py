"""Finding and reading JSON in a text."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple, NoReturn

from pegboard_validate._errors import InvalidJSON
from pegboard_validate._problem import Problem, Unfit
from pegboard_validate.json.fences import fenced_blocks

_BLANK = " \t\r\n\ufeff"
# A string, closed or not, or a bracket. Possessive, so that no text makes it go back over what it has read.
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*+"?+|[\[{]|[\]}]', re.DOTALL)


class TextLimits(NamedTuple):
    """How much JSON a text may hold.

    Attributes:
        size: Characters of the text.
        depth: Objects and arrays inside one another.
    """

    size: int = 10_000_000
    depth: int = 100

    @classmethod
    def checked(cls, max_size: int, max_depth: int) -> TextLimits:
        """Make limits of what a user wrote."""
        for name, value in (("max_size", max_size), ("max_depth", max_depth)):
            if type(value) is not int or value <= 0:
                raise ValueError(f"{name} is a positive whole number, not {value!r}.")
        return cls(max_size, max_depth)


DEFAULT_LIMITS = TextLimits()


def extract_json(
    text: str, *, max_size: int = DEFAULT_LIMITS.size, max_depth: int = DEFAULT_LIMITS.depth
) -> Any:
    """Return the JSON value in a text: the text itself, a fenced block, or prose around one fenced block.

    Of several fenced blocks, those marked `json` count, or else those not marked at all; there has to be exactly one.
    NaN and Infinity are no JSON. Nothing is guessed: an object in the middle of a sentence is not looked for.

    Args:
        text: What a model or a service answered.
        max_size: Most characters.
        max_depth: Most objects and arrays inside one another.

    Raises:
        InvalidJSON: The text holds no JSON, several blocks of it, or more than is allowed.
        TypeError: It is no str.
    """
    if not isinstance(text, str):
        raise TypeError(f"extract_json reads a str, not a {type(text).__name__}.")
    try:
        return parsed(text, TextLimits.checked(max_size, max_depth))
    except Unfit as unfit:
        problem = unfit.problems[0]
    raise InvalidJSON(
        f"no JSON can be read from a text of {len(text)} characters: {problem.expected} ({problem.kind}).",
        kind=problem.kind,
        length=len(text),
    )


def parsed(text: str, limits: TextLimits) -> Any:
    """Return the JSON value in a text; raises `Unfit`."""
    return _loads(document(text, limits))


def document(text: str, limits: TextLimits) -> str:
    """Return the JSON document in a text, not parsed yet and no deeper than allowed; raises `Unfit`."""
    if len(text) > limits.size:
        _refuse("json_too_large", f"text of at most {limits.size} characters is read, and it has {len(text)}")
    found = text.strip(_BLANK)
    if "```" in found and not _is_json(found, limits):
        found = _fenced(found)
    if _is_deep(found, limits.depth):
        _refuse("json_too_deep", f"JSON of at most {limits.depth} levels is read, and it is deeper")
    return found


def _fenced(text: str) -> str:
    blocks = fenced_blocks(text)
    candidates = [content for mark, content in blocks if mark == "json"]
    candidates = candidates or [content for mark, content in blocks if not mark]
    if len(candidates) > 1:
        _refuse("json_several", f"one fenced block of JSON was expected, and there are {len(candidates)}")
    if not candidates:
        _refuse("json_invalid", "a fenced block was expected to be marked `json`, or not at all")
    return candidates[0]


def _is_json(text: str, limits: TextLimits) -> bool:
    """Whether a text is JSON as it is, fences in its strings and all."""
    if text[0] not in '{["' or _is_deep(text, limits.depth):
        return False
    try:
        _loads(text)
    except Unfit:
        return False
    return True


def _is_deep(text: str, most: int) -> bool:
    """Whether more than so many brackets are open at once, those in strings apart."""
    if text.count("[") + text.count("{") <= most:
        return False
    depth = 0
    for found in _STRING_OR_BRACKET.finditer(text):
        first = found[0][0]
        if first in "[{":
            depth += 1
            if depth > most:
                return True
        elif first in "]}":
            depth -= 1
    return False


def _loads(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        where = f" (it breaks off at line {error.lineno}, column {error.colno})"
    except (ValueError, RecursionError):  # NaN, thousands of digits, or deeper than the interpreter goes
        where = " (a number is NaN, infinite or too long, or the nesting too deep)"
    # Outside the handler: the error of json holds the text.
    raise Unfit(Problem("", "json_invalid", f"JSON was expected, by itself or in a fenced block{where}"))


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _refuse(kind: str, expected: str) -> NoReturn:
    raise Unfit(Problem("", kind, expected))
