"""What the functions of handlers, fallbacks and undos are called with."""

from __future__ import annotations

import functools

import pytest

from pegboard import Session, task
from pegboard_recover import Fallback, Handle, Undo

ERROR = OSError("disk")


class Archive:
    """A function in every form that a class can give it."""

    def method(self, *args, **kwargs):
        return args, kwargs

    @classmethod
    def of_class(cls, *args, **kwargs):
        return args, kwargs

    @staticmethod
    def static(*args, **kwargs):
        return args, kwargs

    def __call__(self, *args, **kwargs):
        return args, kwargs


FORMS = [Archive().method, Archive.of_class, Archive.static, Archive(), functools.partial(Archive.static)]
FORM_IDS = ["method", "classmethod", "staticmethod", "object", "partial"]


@pytest.mark.parametrize("function", FORMS, ids=FORM_IDS)
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize(
    ("args", "kwargs"),
    [(("monday",), {}), ((), {"day": "monday"}), (("monday",), {"unit": "USD"}), (("monday", "USD"), {})],
    ids=["position", "name", "both", "positions"],
)
def test_arguments_are_as_the_caller_passed_them(function, is_async, args, kwargs) -> None:
    """By position or by name, without the task's defaults; also for async tasks, and for what is no plain function."""

    def plain(day, unit="EUR"):
        raise ERROR

    async def coroutine(day, unit="EUR"):
        raise ERROR

    made = task(Fallback(function))(coroutine if is_async else plain)
    with Session():
        assert made.run(*args, **kwargs).unwrap() == (args, kwargs)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda f: Fallback(lambda target, source: (target, source)), ("b", "a")),
        (lambda f: Handle(OSError, lambda error, target, source: (target, source)), ("b", "a")),
        (lambda f: Handle(OSError, lambda target, source, error: (target, source)), ("b", "a")),
        (lambda f: Handle(OSError, lambda target, source, *, error: (target, source)), ("b", "a")),
    ],
    ids=["fallback", "handler", "error last", "error by name"],
)
def test_names_stay_names(make, expected) -> None:
    """A function with the same names in another order gets each by its name."""

    @task(make(None))
    def move(source, target):
        raise ERROR

    with Session():
        assert move(source="a", target="b") == expected


def test_an_undo_gets_them_by_name_too() -> None:
    """Names are never turned into positions where the function knows them."""
    seen = []

    @task(Undo(lambda target, source: seen.append((target, source))))
    def move(source, target):
        raise ERROR

    with Session():
        move.run(source="a", target="b")
    assert seen == [("b", "a")]


def test_names_that_the_function_has_otherwise_are_not_guessed() -> None:
    """One that knows a part of the names does not get the others by position."""

    @task(Fallback(lambda target, origin: (target, origin)))
    def move(source, target):
        raise ERROR

    with Session():
        assert move.run(source="a", target="b").error is ERROR
        assert move("a", "b") == ("a", "b")


def test_a_default_of_the_tasks_counts_where_the_function_has_none() -> None:
    """And only there."""

    @task(Handle(OSError, lambda error, day, unit: (day, unit)))
    def rate(day, unit="EUR"):
        raise ERROR

    @task(Fallback(lambda day, path="archive.json": (day, path)))
    def archived(day, unit="EUR"):
        raise ERROR

    with Session():
        assert rate("monday") == ("monday", "EUR")
        assert archived("monday") == ("monday", "archive.json")


def test_a_fallback_of_the_error_alone() -> None:
    """As a handler may be: the arguments are left out where there is no room for any."""

    @task(Fallback(lambda error: [error]))
    def fails(key, more=None):
        raise ERROR

    with Session():
        assert fails(1) == [ERROR]


def test_any_number_of_arguments_and_names() -> None:
    """What a task takes by `*` and `**` is handed on as it came."""

    @task(Handle(OSError, lambda e, first, *rest, **named: (first, rest, named)))
    def fails(first, /, *rest, **named):
        raise ERROR

    with Session():
        assert fails(1, 2, 3, error=4) == (1, (2, 3), {"error": 4})


def test_a_method_gets_its_self() -> None:
    """The object it was called on is the first argument."""

    class Shop:
        @task(Fallback(lambda shop, item: (type(shop), item)))
        def price(self, item):
            raise ERROR

    with Session():
        assert Shop().price("pear") == (Shop, "pear")
