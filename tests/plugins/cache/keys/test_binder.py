"""Arguments in the order of the parameters, as inspect binds them."""

from __future__ import annotations

import inspect

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pegboard_cache.keys.binder import MISSING, binder


def plain(a, b=2, *, c=3):
    return a, b, c


def starred(a, /, b=2, *rest, c=3, **more):
    return a, b, rest, c, more


@pytest.mark.parametrize("function", [plain, starred])
@given(
    args=st.lists(st.integers(), max_size=5),
    kwargs=st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), st.integers()),
)
def test_same_as_inspect(function, args, kwargs):
    """Whenever a call fits, the values are those that the function itself would see."""
    try:
        seen = function(*args, **kwargs)
    except TypeError:  # not asked of `inspect`, which takes on 3.13.0 what no function does
        return
    assert tuple(binder(inspect.signature(function))(tuple(args), kwargs)) == seen


def test_parameter_that_a_layer_fills():
    """A parameter that nobody gave yet has its mark, and is no error."""
    assert binder(inspect.signature(plain))((), {"b": 1}) == [MISSING, 1, 3]
