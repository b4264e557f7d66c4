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
    signature = inspect.signature(function)
    try:
        signature.bind(*args, **kwargs)
    except TypeError:
        return
    assert tuple(binder(signature)(tuple(args), kwargs)) == function(*args, **kwargs)


def test_parameter_that_a_layer_fills():
    """A parameter that nobody gave yet has its mark, and is no error."""
    assert binder(inspect.signature(plain))((), {"b": 1}) == [MISSING, 1, 3]
