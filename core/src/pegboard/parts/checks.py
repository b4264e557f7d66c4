"""Checks of what a user wrote: for the fields of an option, and for plain arguments.

    @attrs.frozen
    class Retry(Option):
        retries: int = attrs.field(default=3, validator=checks.whole(least=0))

    checks.whole(least=1).or_none("as many as processors").check("workers", workers, owner="Processes")

Both tell in one form what is wrong and what would be right:

    Processes: workers is a whole number of at least 1, or None for as many as processors, not 0.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast, overload

from pegboard import texts
from pegboard.errors import ConfigError

if TYPE_CHECKING:
    from typing import Literal, TypedDict, Unpack

    import attrs

    class Manners(TypedDict, total=False):
        """How a check refuses.

        Attributes:
            hint: A sentence more, on the way out.
            private: Whether the wrong value stays out of the message, which tells its type alone.
            type_error: Raised for a value of a wrong type; TypeError by default.
            value_error: Raised for one of the right type that is out of bounds; ValueError by default. A `ConfigError` gets
                its `where` and `key`.
        """

        hint: str
        private: bool
        type_error: type[Exception]
        value_error: type[Exception]


T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Errors = type[Exception] | tuple[type[Exception], ...]
ErrorsOrFunction = Errors | Callable[[Exception], bool]
_INFINITY = float("inf")  # not math.inf: to load math takes longer than all of this module
_LARGEST = 1.7976931348623157e308  # of finite floats
_LONGEST = 100  # characters of a wrong value in a message


class Check(Generic[T_co]):
    """What a value may be. As a validator of attrs it is called; for a plain argument, `check` is.

    Made by the functions below; a plugin with a rule of its own gives the functions that tell.

    Attributes:
        allowed: What it may be, in words, as it stands in the messages.
    """

    __slots__ = ("_complain", "_fits", "_has_type", "_manners", "_takes_none", "allowed")

    def __init__(
        self,
        allowed: str,
        has_type: Callable[[Any], bool],
        fits: Callable[[Any], bool] | None = None,
        complain: Callable[[Any], str] | None = None,
        **manners: Unpack[Manners],
    ) -> None:
        """Say what may be.

        Args:
            allowed: What it may be, in words.
            has_type: Whether a value has the right type.
            fits: Whether one of the right type may be; None takes all of them.
            complain: Says of one that does not fit what is wrong with it, after the name of the argument. By default, that
                it is not what is allowed.
            manners: How it refuses.
        """
        self.allowed = allowed
        self._has_type = has_type
        self._fits = fits
        self._complain = complain
        self._manners = manners
        self._takes_none = False

    def __repr__(self) -> str:
        return f"<Check: {self.allowed}>"

    def or_none(self, meaning: str) -> Check[T_co | None]:
        """Return a check that takes None too, and tells what it means: "or None for ..."."""
        check = cast("Check[T_co | None]", copy.copy(self))
        check.allowed = f"{self.allowed}, or None for {meaning}"
        check._takes_none = True
        return check

    def __call__(self, instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        """Check the value of a field, as attrs does."""
        self.check(attribute.alias or attribute.name, value, owner=type(instance).__name__)

    def check(self, name: str, value: object, *, owner: str = "") -> T_co:
        """Return the value, or refuse it.

        Args:
            name: What the argument is called.
            value: What was given.
            owner: Whose argument it is: an option, a class, a function.

        Raises:
            TypeError: It is of another type; or what `type_error` says.
            ValueError: It is out of bounds; or what `value_error` says.
        """
        if value is not None or not self._takes_none:
            if not self._has_type(value):
                raise self._refusal("type_error", TypeError, name, owner, self._not(value))
            if self._fits is not None and not self._fits(value):
                complaint = self._not(value) if self._complain is None else self._complain(value)
                raise self._refusal("value_error", ValueError, name, owner, complaint)
        return cast("T_co", value)

    def _not(self, value: object) -> str:
        private = self._manners.get("private")
        given = f"the {type(value).__name__} that was given" if private else shown(value)
        return f"is {self.allowed}, not {given}."

    def _refusal(
        self,
        which: Literal["type_error", "value_error"],
        default: type[Exception],
        name: str,
        owner: str,
        complaint: str,
    ) -> Exception:
        subject = f"{owner}: {name}" if owner else name
        text = "\n".join(filter(None, (f"{subject} {complaint}", self._manners.get("hint"))))
        error = self._manners.get(which, default)
        return error(text, where=owner, key=name) if issubclass(error, ConfigError) else error(text)


def whole(*, least: int | None = None, most: int | None = None, **manners: Unpack[Manners]) -> Check[int]:
    """Take a whole number within bounds, and no bool.

    Args:
        least: The smallest.
        most: The largest.
        manners: How it refuses.
    """
    return Check(f"a whole number{_bounds(least, most)}", _is_whole, _within(least, most), **manners)


def number(
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    below: float | None = None,
    **manners: Unpack[Manners],
) -> Check[float]:
    """Take a finite number within bounds, and no bool; a whole one stays an int.

    Args:
        least: The smallest.
        above: What it has to be larger than.
        most: The largest.
        below: What it has to be smaller than.
        manners: How it refuses.
    """
    words = f"a finite number{_bounds(least, most, above, below)}"
    return Check(
        words, _is_number, _within(least, _LARGEST if most is None else most, above, below), **manners
    )


def seconds(
    *,
    least: float = 0.0,
    above: float | None = None,
    most: float | None = None,
    infinite: bool = False,
    **manners: Unpack[Manners],
) -> Check[float]:
    """Take a span of time in seconds: a finite number from 0, and no bool.

    Args:
        least: The shortest.
        above: What it has to be longer than; then `least` says nothing.
        most: The longest.
        infinite: Whether it may be infinite.
        manners: How it refuses.
    """
    shortest = least if above is None else None
    within = _within(shortest, _LARGEST if most is None else most, above)
    kind = "a number" if infinite else "a finite number"
    return Check(
        f"{kind} of seconds{_bounds(shortest, most, above)}",
        _is_number,
        (lambda value: value == _INFINITY or within(value)) if infinite else within,
        **manners,
    )


def probability(**manners: Unpack[Manners]) -> Check[float]:
    """Take a number from 0 to 1, and no bool."""
    return Check("a number from 0 to 1", _is_number, _within(0, 1), **manners)


def one_of(*words: T, **manners: Unpack[Manners]) -> Check[T]:
    """Take one of these values, which are all named when it is another."""

    def is_one(value: Any) -> bool:
        return any(isinstance(value, type(word)) and value == word for word in words)

    return Check(_either(words), lambda _: True, is_one, **manners)


def flag(**manners: Unpack[Manners]) -> Check[bool]:
    """Take True or False, and nothing that merely counts as one."""
    return Check("True or False", lambda value: isinstance(value, bool), **manners)


def text(**manners: Unpack[Manners]) -> Check[str]:
    """Take a text."""
    return Check("a text", lambda value: isinstance(value, str), **manners)


def callable_(what: str = "a function", **manners: Unpack[Manners]) -> Check[Callable[..., Any]]:
    """Take what can be called.

    Args:
        what: What it is in words: "a function of the inputs by name that returns a string".
        manners: How it refuses.
    """
    return Check(what, callable, **manners)


@overload
def exceptions(
    *, never: str, functions: Literal[False] = False, **manners: Unpack[Manners]
) -> Check[Errors]: ...


@overload
def exceptions(
    *, never: str, functions: Literal[True], **manners: Unpack[Manners]
) -> Check[ErrorsOrFunction]: ...


def exceptions(*, never: str, functions: bool = False, **manners: Unpack[Manners]) -> Check[Any]:
    """Take a class of exceptions or a tuple of them; none that ends a program or a task, as KeyboardInterrupt does.

    Args:
        never: What never happens to those: "retried".
        functions: Whether a function that is told the error, and says whether it is one of them, may stand there instead.
        manners: How it refuses.
    """

    def has_type(value: object) -> bool:
        if functions and callable(value) and not isinstance(value, type):
            return True
        return all(isinstance(kind, type) and issubclass(kind, BaseException) for kind in _kinds(value))

    def complain(value: object) -> str:
        return f"holds {_exits(value)[0].__name__}, which ends a program or a task and is never {never}."

    allowed = "an exception class or a tuple of them" + (", or a function of the error" if functions else "")
    return Check(allowed, has_type, lambda value: not _exits(value), complain, **manners)


def shown(value: object) -> str:
    """Return how a wrong value stands in a message: its repr in one line, cut; its type where it has none."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - the complaint is about the value, not about its repr
        text = f"<{type(value).__name__}>"
    return texts.cut(texts.one_line(text), _LONGEST)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _within(
    least: float | None, most: float | None, above: float | None = None, below: float | None = None
) -> Callable[[Any], bool]:
    """Return what tells whether a number is within the bounds; never is infinity, and never what is no number."""
    low, high = (-_INFINITY if least is None else least), (_INFINITY if most is None else most)
    open_low, open_high = (-_INFINITY if above is None else above), (_INFINITY if below is None else below)
    return lambda value: low <= value <= high and open_low < value < open_high


def _bounds(
    least: float | None, most: float | None, above: float | None = None, below: float | None = None
) -> str:
    if least is not None and most is not None:
        return f" from {_plain(least)} to {_plain(most)}"
    limits = (("of at least", least), ("above", above), ("of at most", most), ("below", below))
    told = " and ".join(f"{words} {_plain(bound)}" for words, bound in limits if bound is not None)
    return f" {told}" if told else ""


def _plain(bound: float) -> str:
    return str(bound) if isinstance(bound, int) else f"{bound:g}"


def _either(words: tuple[object, ...]) -> str:
    *others, last = map(repr, words)
    return f"{', '.join(others)} or {last}" if others else last


def _kinds(errors: object) -> tuple[object, ...]:
    return cast("tuple[object, ...]", errors) if isinstance(errors, tuple) else (errors,)


def _exits(errors: object) -> list[type[BaseException]]:
    """Return those of the classes that no `except Exception` takes."""
    classes = (kind for kind in _kinds(errors) if isinstance(kind, type) and issubclass(kind, BaseException))
    return [kind for kind in classes if not issubclass(kind, Exception)]
