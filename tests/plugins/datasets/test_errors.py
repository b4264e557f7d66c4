"""Errors: what they are, and that they travel."""

from __future__ import annotations

import pickle

import pytest

from pegboard import PegboardError
from pegboard_datasets import DatasetError, DatasetNotFound, InvalidKey, UnknownFormat


@pytest.mark.parametrize(
    ("cls", "builtin"),
    [
        (DatasetError, Exception),
        (DatasetNotFound, KeyError),
        (InvalidKey, ValueError),
        (UnknownFormat, LookupError),
    ],
)
def test_errors_are_pegboards_and_pythons(cls, builtin) -> None:
    """Each is caught by its built-in class too, is not retried, and survives pickling with text and facts."""
    error = cls("what happened", key="a", store="b", candidates=("x",))
    assert isinstance(error, DatasetError)
    assert isinstance(error, PegboardError)
    assert isinstance(error, builtin)
    assert not error.retryable
    back = pickle.loads(pickle.dumps(error))
    assert (type(back), str(back), vars(back)) == (cls, "what happened", vars(error))
