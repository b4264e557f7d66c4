"""A value that must not be shown."""

from __future__ import annotations

from typing import Generic, NoReturn, TypeVar, final

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

    def __copy__(self) -> NoReturn:
        self._refuse("copied")

    def __deepcopy__(self, memo: object) -> NoReturn:
        self._refuse("copied")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def _refuse(self, what: str) -> NoReturn:
        raise TypeError(
            f"a Secret cannot be {what}: that would show its value. Call .reveal() where you mean to."
        )
