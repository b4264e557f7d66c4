"""A value that must not be shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, NoReturn, TypeVar, final

from pegboard.current import current_call
from pegboard.parts.forks import new_lock

if TYPE_CHECKING:
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


def _ways_to_write(value: str) -> set[str]:
    """The value as it is, as JSON, repr and URLs write it, in base64, and its long lines one by one."""
    import base64
    import json
    from urllib.parse import quote, quote_plus

    encoded = base64.b64encode(value.encode(errors="surrogatepass")).decode().rstrip("=")
    ways = {value, json.dumps(value)[1:-1], repr(value)[1:-1], encoded}
    ways |= {quote(value, safe="", errors="replace"), quote_plus(value, errors="replace")}
    ways |= {line for line in value.splitlines() if len(line) >= _LINE_SHORTEST}
    return {way for way in ways if len(way) >= SHORTEST}


_MARK = "_pegboard_sensitive"


def mark_sensitive(error: BaseException) -> None:
    """Note on an error that it came out of a sensitive task; a class that takes no attributes stays as it is."""
    try:
        error.__dict__[_MARK] = True
    except AttributeError:
        pass


def is_sensitive(error: BaseException | None, call: Call | None = None) -> bool:
    """Whether nobody may record the text of an error.

    So it is for one that came out of a sensitive task, as itself, as a cause or context, or as a member of a group; and for
    every error in a sensitive task, or in what that called.

    Args:
        error: What is to be recorded.
        call: Whose error it is; default is the running call.
    """
    around = current_call() if call is None else call
    while around is not None:
        if around.task.sensitive:
            return True
        around = around.parent
    return _is_marked(error)


def _is_marked(error: BaseException | None) -> bool:
    waiting, seen = [error], set[int]()
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        if _MARK in getattr(each, "__dict__", {}):
            return True
        seen.add(id(each))
        waiting += [each.__cause__, each.__context__]
        if isinstance(each, BaseExceptionGroup):
            waiting += each.exceptions
    return False
