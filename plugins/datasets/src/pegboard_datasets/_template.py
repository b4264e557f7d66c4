"""Templates of keys: text with `{parameter}` and `{map_index}` in it, filled in for each call."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import numbers
import string
import uuid
from collections.abc import Collection, Mapping
from typing import Any

import attrs

from pegboard import texts
from pegboard_datasets._errors import InvalidKey
from pegboard_datasets._key import check_key, fault_of_text

MAP_INDEX = "map_index"
_EMPTY = {"": "is empty", ".": "is a dot", "..": "is two dots"}
_TOLD_BY_STR = (str, numbers.Real, decimal.Decimal, uuid.UUID)


@attrs.frozen
class KeyTemplate:
    """A key with placeholders.

    Attributes:
        text: As it was written.
        parts: Pairs of literal text and the placeholder after it, or None.
    """

    text: str
    parts: tuple[tuple[str, str | None], ...]

    @classmethod
    def parse(cls, text: str) -> KeyTemplate:
        """Read a template.

        Raises:
            InvalidKey: A placeholder is more than a name, a brace is odd, or the literal text makes no key.
        """
        if not isinstance(text, str):
            raise _refused(f"a template is a str, and this is {texts.a(type(text).__name__)}")
        try:
            fields = list(string.Formatter().parse(text))
        except ValueError as error:
            raise _refused(f"template {text!r}: {error}. Write {{{{ and }}}} for braces") from None
        parts = tuple((literal, _placeholder(text, *field)) for literal, *field in fields)
        template = cls(text, parts)
        check_key("".join(literal + ("x" if name is not None else "") for literal, name in parts))
        return template

    @property
    def names(self) -> tuple[str, ...]:
        """The placeholders, in order."""
        return tuple(name for _, name in self.parts if name is not None)

    @property
    def tail(self) -> str:
        """The text after the last placeholder."""
        return self.parts[-1][0] if self.parts[-1][1] is None else ""

    def check(self, task: str, parameters: Collection[str]) -> None:
        """Refuse placeholders that are no parameters of the task.

        Raises:
            InvalidKey: Naming the placeholder, and those that there are.
        """
        allowed = [*parameters, MAP_INDEX]
        for name in self.names:
            if name not in allowed:
                raise _refused(
                    f"template {self.text!r} of task {task!r} holds {{{name}}}, which is no parameter of it.\n"
                    f"It may hold {', '.join('{' + each + '}' for each in allowed)}"
                )

    def render(self, inputs: Mapping[str, Any], map_index: int | None) -> str:
        """Fill the placeholders in.

        Raises:
            InvalidKey: A value cannot be part of a key, or `map_index` is wanted where no map is.
        """
        values = {MAP_INDEX: map_index, **inputs}
        return check_key(
            "".join(text if name is None else text + _shown(name, values[name]) for text, name in self.parts)
        )


def _placeholder(text: str, field: str | None, spec: str | None, conversion: str | None) -> str | None:
    if field is None:
        return None
    if not field.isidentifier() or spec or conversion:
        written = "{" + field + (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "") + "}"
        raise _refused(
            f"template {text!r} holds {written}.\n"
            f"It may only hold whole parameters, without attributes, indexes, conversions or format specs"
        )
    return field


def _shown(name: str, value: object) -> str:
    """Render one value; only what has one plain text is taken, so that no default repr names a file."""
    if isinstance(value, enum.Enum):
        value = value.value
    if isinstance(value, dt.date | dt.time):
        return value.isoformat().replace(":", "-")  # a colon is no part of a file's name everywhere
    if value is None and name == MAP_INDEX:
        raise _refused(
            "a template holds {map_index}, and this call is not made by a map.\nCall the task through map(), or leave the placeholder out",
            name,
        )
    if not isinstance(value, _TOLD_BY_STR):
        raise _refused(
            f"parameter {name!r} is {texts.a(type(value).__name__)}, and a key takes text, numbers, dates, UUIDs and enums of these",
            name,
        )
    text = str(value)
    fault = _EMPTY.get(text) or fault_of_text(text)
    if fault is not None:
        raise _refused(
            f"the value of parameter {name!r}, {texts.a(type(value).__name__)} of length {len(text)}, {fault}, so it cannot be part of a key",
            name,
        )
    return text


def _refused(message: str, parameter: str = "") -> InvalidKey:
    return InvalidKey(f"{message}.", key="", store="", parameter=parameter)
