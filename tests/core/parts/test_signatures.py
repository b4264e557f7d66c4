"""Functions of users that could never be called the way a plugin calls them."""

from __future__ import annotations

import functools

import pytest

from pegboard import BindError
from pegboard.parts.signatures import refuse_unfit


def one(a):
    return a


async def later(a):
    return a


class Object:
    def __call__(self, a):
        return a

    def method(self, a):
        return a


@pytest.mark.parametrize(
    "function",
    [
        one,
        lambda a, b=1: a,
        lambda *a: a,
        Object(),
        Object().method,
        functools.partial(lambda a, b: a, 1),
        bool,
        max,
    ],
    ids=["function", "default", "any", "object", "method", "partial", "class", "in C"],
)
def test_what_takes_the_arguments_passes(function) -> None:
    """Also what does not tell its signature."""
    refuse_unfit(function, "error", what="Retry(on=...)", plugin="retry", task="probe")


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (lambda: 1, "too many positional arguments"),
        (lambda a, b: a, "missing a required argument: 'b'"),
        (lambda *, error: error, "too many positional arguments"),
        (later, "is async"),
        (lambda a: (yield a), "is a generator"),
    ],
    ids=["none", "two", "by name", "async", "generator"],
)
def test_what_does_not_is_refused_with_the_signature_it_needs(function, why) -> None:
    """The error names task, option, function and what to write."""
    with pytest.raises(BindError, match=r"Give it the signature \(error\)") as caught:
        refuse_unfit(function, "error", what="Retry(on=...)", plugin="retry", task="probe")
    assert why in str(caught.value)
    assert "task 'probe' has Retry(on=...)" in str(caught.value)
    assert (caught.value.plugin, caught.value.task) == ("retry", "probe")
