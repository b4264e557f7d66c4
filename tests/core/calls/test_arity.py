"""The quick check that arguments fit, against what Python does."""

from __future__ import annotations

import inspect
import string

from hypothesis import given
from hypothesis import strategies as st

from pegboard.calls.arity import _fitting, arity

KINDS = [
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    inspect.Parameter.VAR_POSITIONAL,
    inspect.Parameter.KEYWORD_ONLY,
    inspect.Parameter.VAR_KEYWORD,
]
NAMES = string.ascii_lowercase[:8]


@st.composite
def signatures(draw) -> inspect.Signature:
    """Any signature of up to six parameters that Python allows."""
    kinds = sorted(draw(st.lists(st.sampled_from(KINDS), max_size=6)))
    parameters: list[inspect.Parameter] = []
    defaulted = False
    for name, kind in zip(NAMES, kinds, strict=False):
        variable = kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        if variable and any(each.kind is kind for each in parameters):
            continue
        wants = not variable and draw(st.booleans())
        positional = kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        defaulted = defaulted or (positional and wants)
        default = 0 if not variable and (wants or (positional and defaulted)) else inspect.Parameter.empty
        parameters.append(inspect.Parameter(name, kind, default=default))
    return inspect.Signature(parameters)


def takes(signature: inspect.Signature, number: int, names: set[str]) -> bool:
    """Whether Python takes such a call; `bind` of Python 3.11 mistakes a name that is positional-only beside `**`."""
    made: dict[str, object] = {}
    exec(f"def function{signature}: pass", made)
    try:
        made["function"](*range(number), **dict.fromkeys(names, 0))
    except TypeError:
        return False
    return True


@given(signatures(), st.integers(0, 7), st.sets(st.sampled_from(NAMES)))
def test_what_fits_is_what_python_takes(signature: inspect.Signature, number: int, names: set[str]) -> None:
    """Any number of positional arguments, and any set of names, for any signature."""
    assert _fitting([*signature.parameters.values()])(number, names) == takes(signature, number, names)


@given(signatures(), st.integers(0, 7))
def test_the_span_is_that_of_positional_arguments(signature: inspect.Signature, number: int) -> None:
    """A call without keywords fits exactly between the two numbers."""
    least, most, _ = arity("f", signature, frozenset())
    assert (least <= number <= most) == takes(signature, number, set())
