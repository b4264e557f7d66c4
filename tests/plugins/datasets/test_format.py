"""Formats: what makes one, and which types it takes."""

from __future__ import annotations

from collections import OrderedDict, UserDict
from collections.abc import Mapping

import pandas as pd
import pytest

from pegboard_datasets import Format


def make(**changes):
    """A format, with changes."""
    fields = {
        "name": "x",
        "extensions": (".x",),
        "types": (dict,),
        "dump": repr,
        "load": lambda data, wanted: data,
    }
    return Format(**(fields | changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""},
        {"name": "a b"},
        {"name": None},
        {"extensions": "x"},
        {"extensions": ("x",)},
        {"extensions": (".",)},
        {"extensions": (".a/b",)},
        {"types": dict},
        {"types": ("pandas.DataFrame",)},
        {"types": (3,)},
        {"dump": None},
        {"dump": lambda: b""},
        {"load": lambda data: data},
    ],
    ids=lambda value: str(value).partition(" at 0x")[0],
)
def test_a_format_that_cannot_work_is_refused(changes) -> None:
    """Names, extensions, types and functions are checked where a format is made."""
    with pytest.raises((TypeError, ValueError)):
        make(**changes)


def test_subclasses_match_and_the_nearest_counts() -> None:
    """The distance grows with inheritance, and what is unrelated has none."""
    taken = make()
    assert taken.distance(dict) == 0
    assert taken.distance(OrderedDict) == 1
    assert taken.distance(UserDict) is None


def test_types_may_be_named_without_importing_them() -> None:
    """`package:Name` matches the class and its subclasses, and no other of that name."""

    class Sales(pd.DataFrame):
        pass

    class DataFrame:
        pass

    taken = make(types=("pandas:DataFrame",))
    assert taken.distance(pd.DataFrame) == 0
    assert taken.distance(Sales) == 1
    assert taken.distance(DataFrame) is None


def test_an_abstract_class_over_a_type_will_do_for_reading() -> None:
    """Who wants a Mapping is served by a format that gives dicts."""
    assert make().gives(Mapping)
    assert not make().gives(list)
