"""Finding and reading JSON in a text."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple, NoReturn

from pegboard import texts
from pegboard.parts import checks
from pegboard_validate._errors import InvalidJSON
from pegboard_validate._problem import Problem, Unfit

_SIZE = checks.whole(least=1, type_error=ValueError)
_FENCE = "```"
_MARK = re.compile(r"[\w+-]*")
_BLANK = " \t\r\n\ufeff"
# A string, closed or not, or a bracket. Possessive, so that no text makes it go back over what it has read.
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*+"?+|[\[{]|[\]}]', re.DOTALL)


class TextBounds(NamedTuple):
    """How much JSON a text may hold.

    Attributes:
        size: Characters of the text.
        depth: Objects and arrays inside one another.
    """

    size: int = 10_000_000
    depth: int = 100

    @classmethod
    def checked(cls, max_size: int, max_depth: int) -> TextBounds:
        """Make bounds of what a user wrote."""
        for name, value in (("max_size", max_size), ("max_depth", max_depth)):
            _SIZE.check(name, value)
        return cls(max_size, max_depth)


DEFAULT_BOUNDS = TextBounds()


def extract_json(
    text: str, *, max_size: int = DEFAULT_BOUNDS.size, max_depth: int = DEFAULT_BOUNDS.depth
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
        raise TypeError(f"extract_json reads a str, not {texts.a(type(text).__name__)}.")
    try:
        return parsed(text, TextBounds.checked(max_size, max_depth))
    except Unfit as unfit:
        problem = unfit.problems[0]
    raise InvalidJSON(
        f"no JSON can be read from a text of {len(text)} characters: {problem.expected} ({problem.kind}).",
        kind=problem.kind,
        length=len(text),
    )


def parsed(text: str, bounds: TextBounds) -> Any:
    """Return the JSON value in a text; raises `Unfit`."""
    return _loads(document(text, bounds))


def document(text: str, bounds: TextBounds) -> str:
    """Return the JSON document in a text, not parsed yet and no deeper than allowed; raises `Unfit`."""
    if len(text) > bounds.size:
        _refuse("json_too_large", f"text of at most {bounds.size} characters is read, and it has {len(text)}")
    found = text.strip(_BLANK)
    if "```" in found and not _is_json(found, bounds):
        found = _fenced(found)
    if _is_deep(found, bounds.depth):
        _refuse("json_too_deep", f"JSON of at most {bounds.depth} levels is read, and it is deeper")
    return found


def _fenced(text: str) -> str:
    blocks = _fenced_blocks(text)
    candidates = [content for mark, content in blocks if mark == "json"]
    candidates = candidates or [content for mark, content in blocks if not mark]
    if len(candidates) > 1:
        _refuse("json_several", f"one fenced block of JSON was expected, and there are {len(candidates)}")
    if not candidates:
        _refuse("json_invalid", "a fenced block was expected to be marked `json`, or not at all")
    return candidates[0]


def _fenced_blocks(text: str) -> list[tuple[str, str]]:
    """Return the mark (`json`, in lower case, or "") and the content of each fenced block, in order.

    Fences may be on lines of their own or at either end of the content; the last one may be missing, as it is where
    an answer was cut. One pass, whatever the text.
    """
    blocks: list[tuple[str, str]] = []
    mark: str | None = None
    lines: list[str] = []
    for line in text.split("\n"):
        content = line.strip()
        if mark is None:
            if not content.startswith(_FENCE):
                continue
            mark, content = _opened(content)
            line = content  # noqa: PLW2901 - what is left of the line that opened the block
        if content.endswith(_FENCE):
            lines.append(line.rstrip().rstrip("`"))
            blocks.append((mark, "\n".join(lines).strip()))
            mark, lines = None, []
        else:
            lines.append(line)
    if mark is not None:
        blocks.append((mark, "\n".join(lines).strip()))
    return blocks


def _opened(line: str) -> tuple[str, str]:
    """Split a line that opens a block into the mark and the content after it."""
    rest = line.lstrip("`")
    found = _MARK.match(rest)
    mark = found[0] if found else ""
    return mark.lower(), rest[len(mark) :].strip()


def _is_json(text: str, bounds: TextBounds) -> bool:
    """Whether a text is JSON as it is, fences in its strings and all."""
    if text[0] not in '{["' or _is_deep(text, bounds.depth):
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
