"""A value that must not be shown."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Generic, NoReturn, TypeVar, final

from pegboard import texts
from pegboard.current import current_call
from pegboard.parts.forks import new_lock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pegboard.calls.call import Call


T = TypeVar("T")


@final
class Secret(Generic[T]):
    """Wraps a value so that it cannot slip out: no str, format, repr, pickle, copy or JSON shows it.

    `secret.reveal()` is the one way to the value. `repr` answers `Secret('***')`, because logs and debuggers call it
    on everything; whatever would make a text or a copy of the value raises TypeError.
    """

    __slots__ = ("_value",)

    def __init__(self, value: T) -> None:
        self._value = value

    def reveal(self) -> T:
        """Return the value itself."""
        return self._value

    def __repr__(self) -> str:
        return "Secret('***')"

    def __str__(self) -> NoReturn:  # noqa: PLE0307 - it refuses
        self._refuse("turned into text")

    def __format__(self, spec: str) -> NoReturn:
        self._refuse("formatted")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        self._refuse("pickled or copied")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def _refuse(self, what: str) -> NoReturn:
        raise TypeError(
            f"a Secret cannot be {what}: that would show its value. Call .reveal() where you mean to."
        )


MASK = "***"
SHORTEST = 4
_LINE_SHORTEST = 16
_KNOWN_MOST = 1_000


class Masks:
    """Known secret values, and texts without them.

    Whoever hands a secret to a task adds it; whoever records a text that a task wrote masks it first. A session
    shares its masks with the sessions inside it. Values of fewer than `SHORTEST` characters are not masked: no text would
    stay readable.
    """

    def __init__(self) -> None:
        self._guard = new_lock()
        self._added: set[str] = set()
        self._known: tuple[
            str, ...
        ] = ()  # the longest first, so that no part of one is left when another is its beginning
        self._known_bytes: tuple[bytes, ...] = ()

    def __bool__(self) -> bool:
        return bool(self._known)

    def __repr__(self) -> str:
        return f"<Masks of {len(self._known)} texts>"

    def add(self, value: str) -> bool:
        """Remember a secret; return whether it is long enough to be masked."""
        if value in self._added:
            return True
        if len(value) < SHORTEST:
            return False
        with self._guard:
            if value not in self._added:
                KNOWN.add(value)
                known = sorted({*self._known, *_ways_to_write(value)}, key=len, reverse=True)
                self._known = tuple(known)
                self._known_bytes = tuple(text.encode(errors="surrogatepass") for text in known)
                self._added.add(value)
        return True

    @property
    def secrets(self) -> tuple[str, ...]:
        """The secrets that were added, for the process that a function runs in, or came from."""
        return tuple(self._added)

    def mask(self, text: str) -> str:
        """Return `text` with `***` in place of every known secret."""
        for known in self._known:
            if known in text:
                text = text.replace(known, MASK)
        return text

    def found_in(self, data: str | bytes | bytearray | memoryview) -> bool:
        """Whether a known secret is somewhere in `data`."""
        if not self._known:
            return False
        if isinstance(data, str):
            return any(known in data for known in self._known)
        held = bytes(data)
        return any(known in held for known in self._known_bytes)


@functools.lru_cache(_KNOWN_MOST)
def _ways_to_write(value: str) -> frozenset[str]:
    """The value as it is, as JSON, repr and URLs write it, in base64, and its long lines one by one."""
    import base64
    import json
    from urllib.parse import quote, quote_plus

    encoded = base64.b64encode(value.encode(errors="surrogatepass")).decode().rstrip("=")
    ways = {value, json.dumps(value)[1:-1], repr(value)[1:-1], encoded}
    ways |= {quote(value, safe="", errors="replace"), quote_plus(value, errors="replace")}
    ways |= {line for line in value.splitlines() if len(line) >= _LINE_SHORTEST}
    return frozenset(way for way in ways if len(way) >= SHORTEST)


class KnownSecrets:
    """The last secrets that any session of this process was told of, also once it has ended, as errors outlive sessions."""

    def __init__(self) -> None:
        self._guard = new_lock()
        self._values: dict[str, None] = {}

    def __bool__(self) -> bool:
        return bool(self._values)

    def add(self, value: str) -> None:
        """Remember a secret, in the place of the oldest of too many."""
        with self._guard:
            self._values[value] = None
            if len(self._values) > _KNOWN_MOST:
                del self._values[next(iter(self._values))]

    def forget(self) -> None:
        """Know of none any more; for tests."""
        with self._guard:
            self._values.clear()

    def found_in(self, text: str) -> bool:
        """Whether one of them is somewhere in a text."""
        return any(way in text for way in self._ways())

    def mask(self, text: str) -> str:
        """Return `text` with `***` in place of each of them."""
        for way in self._ways():
            text = text.replace(way, MASK)
        return text

    def _ways(self) -> list[str]:
        with self._guard:
            values = list(self._values)
        return sorted({way for value in values for way in _ways_to_write(value)}, key=len, reverse=True)


KNOWN = KnownSecrets()
_MARK = "_pegboard_sensitive"


def mark_sensitive(error: BaseException) -> None:
    """Note on an error that it came out of a sensitive task; a class that takes no attributes stays as it is."""
    try:
        error.__dict__[_MARK] = True
    except AttributeError:
        pass


def is_sensitive(error: BaseException | None, call: Call | None = None) -> bool:
    """Whether nobody may record the text of an error.

    So it is for one that came out of a sensitive task, as itself, as a cause or context, or as a member of a group; for every
    error in a sensitive task, or in what that called; and for one that shows a `Secret` which such a call was handed.

    Args:
        error: What is to be recorded.
        call: Whose error it is; default is the running call.
    """
    around = current_call() if call is None else call
    while around is not None:
        if around.task.sensitive or (error is not None and shows_secret(error, around)):
            return True
        around = around.parent
    return _is_marked(error)


def shows_secret(error: BaseException, call: Call) -> bool:
    """Whether an error shows a `Secret` that this call was handed."""
    handed = [each for each in call.args if type(each) is Secret]
    if call.kwargs:
        handed += [each for each in call.kwargs.values() if type(each) is Secret]
    if not handed:
        return False
    written = _written(error)
    return any(way in written for each in handed for way in _ways_to_write(texts.text_of(each.reveal())))


def _is_marked(error: BaseException | None) -> bool:
    return any(_MARK in getattr(each, "__dict__", {}) for each in _with_others(error))


def _with_others(error: BaseException | None) -> Iterator[BaseException]:
    """An error, its causes and contexts, and the members of groups among them, each once."""
    waiting, seen = [error], set[int]()
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        yield each
        seen.add(id(each))
        waiting += [each.__cause__, each.__context__]
        if isinstance(each, BaseExceptionGroup):
            waiting += each.exceptions


def loggable(error: BaseException, call: Call | None = None) -> BaseException | None:
    """Return an error as the `exc_info` of a log record, or None where nobody may see its text.

    That is so for an error that `is_sensitive`, and where a secret of `KNOWN` is in what is written of it: a traceback cannot be
    masked before its formatter has written it.

    Args:
        error: What is to be logged.
        call: Whose error it is; default is the running call.
    """
    return None if is_sensitive(error, call) or (KNOWN and KNOWN.found_in(_written(error))) else error


def without_repr(text: str, error: BaseException | None) -> str:
    """Return a text about an error without the error's repr if that is sensitive, as asyncio writes it of lost exceptions."""
    if error is None or not is_sensitive(error):
        return text
    try:
        return text.replace(repr(error), f"{type(error).__name__}(...)")
    except Exception:  # noqa: BLE001 - a broken __repr__, which nobody has written then
        return text


def _written(error: BaseException) -> str:
    """All that anybody writes of an error: what Python does, and what it leaves out of long chains and large groups."""
    import traceback

    written = traceback.format_exception(error)
    for each in _with_others(error):
        written += [texts.text_of(each), texts.text_of(getattr(each, "__notes__", ""))]
    return "".join(written)
