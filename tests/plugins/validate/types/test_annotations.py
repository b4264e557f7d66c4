"""Annotations: found through decorators and partials, resolved where they are text."""

from __future__ import annotations

import functools
from typing import (
    IO,
    TYPE_CHECKING,
    LiteralString,
    NoReturn,
    Protocol,
    Self,
    TextIO,
    TypedDict,
    TypeVar,
    Unpack,
    runtime_checkable,
)

import pytest
from pydantic import BaseModel

from pegboard import BindError, task
from pegboard_validate import Validate

if TYPE_CHECKING:
    from decimal import Decimal


def three(a: int, b: int, c: int = 0) -> list[int]:
    return [a, b, c]


class Adder:
    def __call__(self, x: int) -> int:
        return x + 1


def logged(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


@pytest.mark.parametrize(
    "function",
    [three, logged(three), logged(logged(three)), functools.partial(three), functools.cache(three)],
    ids=["function", "wrapped", "wrapped twice", "partial", "cached"],
)
def test_what_is_around_a_function(session, function):
    """Decorators and partials keep the annotations of the function in them."""
    probe = task(Validate(inputs=True, output=True))(function)
    assert probe("1", b="2") == [1, 2, 0]
    assert probe.run("1", "x").error.field == "b"


def test_a_partial_with_arguments(session):
    """Arguments of a partial are its author's; those of the call are checked in their places."""
    probe = task(Validate(inputs=True))(functools.partial(three, "one", c="three"))
    assert probe("2") == ["one", 2, "three"]
    assert probe("2", c="3") == ["one", 2, 3]


def test_an_object_that_is_called(session):
    """An object's `__call__` has the annotations."""
    probe = task(Validate(inputs=True, output=True))(Adder())
    assert probe("1") == 2
    assert probe.run("x").error.field == "x"


def test_a_builtin(session):
    """A builtin says nothing, so nothing of it is checked."""
    assert task(Validate(inputs=True))(len)("abc") == 3


def test_a_name_of_the_function_around(session):
    """A local class that the body uses is found, although annotations are text here."""

    class Local(BaseModel):
        n: int

    @task(Validate(inputs=True))
    def work(x: Local) -> int:
        return Local.model_validate(x).n

    assert work({"n": "3"}) == 3


def test_a_name_that_is_not_there(session):
    """An annotation that only type checkers can resolve is an error that says so, at the first call."""

    @task(Validate(inputs=True))
    def work(x: Decimal) -> None: ...

    with pytest.raises(
        BindError, match=r"annotation of 'x', 'Decimal', cannot be resolved.*\n.*TYPE_CHECKING"
    ):
        work(1)


def test_annotations_that_nobody_asks_for(session):
    """One that cannot be resolved does no harm where it is not checked."""

    @task(Validate(inputs={"y": int}, output=int))
    def work(x: Decimal, y: int) -> Decimal:
        return y

    assert work(1, "2") == 2


class Forward(BaseModel):
    later: Later


class Later(BaseModel):
    n: int


def test_a_model_defined_before_its_parts(session):
    """A model with a forward reference is completed when the task is first called."""
    assert task(Validate(output=Forward))(lambda: {"later": {"n": "1"}})() == Forward(later=Later(n=1))


class Broken(BaseModel):
    lost: Nowhere  # noqa: F821


def test_a_model_whose_parts_are_missing(session):
    """A forward reference that leads nowhere is an error at the first call, before the function runs."""

    @task(Validate(output=Broken))
    def work():
        raise AssertionError

    with pytest.raises(BindError, match="Broken"):
        work()


T = TypeVar("T", bound=int)


class Silent(Protocol):
    """Understood by type checkers alone."""


@runtime_checkable
class Sized(Protocol):
    def __len__(self) -> int: ...


class Extra(TypedDict):
    a: int


@pytest.mark.parametrize(
    "annotation",
    [
        Self,
        Self | None,
        list[Self],
        T,
        LiteralString,
        NoReturn,
        Silent,
        Silent | None,
        IO,
        IO[str],
        TextIO | None,
        open,  # a function in the place of a type, as `threading.Lock` was until 3.13
    ],
)
def test_what_only_type_checkers_understand(session, annotation):
    """Such an annotation, or that part of one, allows anything."""

    def work(x):
        return x

    work.__annotations__ = {"x": annotation}
    value = ["x"]
    assert task(Validate(inputs=True))(work)(value) == value


def test_a_protocol_that_can_be_checked(session):
    """A runtime-checkable protocol is."""

    @task(Validate(inputs=True))
    def work(x: Sized) -> int:
        return len(x)

    assert work("abc") == 3
    assert work.run(3).error.errors == (("x", "is_instance_of"),)


def test_unpacked_keywords(session):
    """Keywords described by a TypedDict are left to the function."""

    @task(Validate(inputs=True))
    def work(x: int, **rest: Unpack[Extra]) -> object:
        return x, rest

    assert work("1", a="2") == (1, {"a": "2"})
