"""A value that must not be shown."""

from __future__ import annotations

import copy
import json
import pickle

import pytest

from pegboard import Secret

CANARY = "canary-8f2"


@pytest.mark.parametrize(
    "leak",
    [
        str,
        lambda secret: f"{secret}",
        lambda secret: f"{secret:>20}",
        lambda secret: "%s" % secret,  # noqa: UP031 - one more way to leak
        pickle.dumps,
        copy.copy,
        copy.deepcopy,
        json.dumps,
        lambda secret: json.dumps({"key": secret}),
    ],
    ids=["str", "f-string", "format", "percent", "pickle", "copy", "deepcopy", "json", "json inside"],
)
def test_a_secret_refuses_whatever_would_show_or_copy_it(leak) -> None:
    """Each way raises TypeError, and not even the error shows the value."""
    with pytest.raises(TypeError) as caught:
        leak(Secret(CANARY))
    assert CANARY not in str(caught.value)


def test_its_repr_is_masked() -> None:
    """Debuggers and logs call repr on everything, so it answers, masked, inside containers too."""
    assert repr(Secret(CANARY)) == "Secret('***')"
    assert CANARY not in repr([{"password": Secret(CANARY)}])
    assert not hasattr(Secret(CANARY), "__dict__")


def test_reveal_is_the_one_way_to_the_value() -> None:
    """The object itself comes out, unchanged."""
    value = [CANARY]
    assert Secret(value).reveal() is value


def test_equal_secrets_are_equal() -> None:
    """Secrets compare and hash by value, and a secret is not its value."""
    assert Secret("a") == Secret("a") != Secret("b")
    assert hash(Secret("a")) == hash(Secret("a"))
    assert Secret("a") != "a"
