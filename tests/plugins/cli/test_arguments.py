"""Words of the command line, and the parameters they become."""

from __future__ import annotations

import json

import pytest


def test_words_are_converted_by_annotation(pegboard) -> None:
    """Numbers, enums, literals, lists and optional values arrive as what the task asks for."""
    words = ["3", "0.5", "red", "fast", "--tags", "1", "--tags", "2", "--day", "monday"]
    value = json.loads(pegboard("run", "jobs:kinds", *words).stdout)
    assert value == {
        "count": 3,
        "share": 0.5,
        "colour": "red",
        "mode": "fast",
        "tags": [1, 2],
        "day": "monday",
    }


@pytest.mark.parametrize(
    ("words", "printed"),
    [
        (["4", "--loud"], "8!"),
        (["4", "--no-loud"], "8"),
        (["4", "--loud=true"], "8!"),
        (["--x", "4"], "8"),
        (["--x=-4"], "-8"),
        (["-4"], "-8"),
        (["--", "-4"], "-8"),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, list) else None,
)
def test_names_flags_and_negative_numbers(pegboard, words: list[str], printed: str) -> None:
    """A parameter may be given by position or by name; a flag needs no value; a minus is no option."""
    result = pegboard("run", "jobs:double", *words)
    assert (result.stdout, result.exit_code) == (f"{printed}\n", 0)


def test_without_annotations_words_are_json_or_text(pegboard) -> None:
    """A free task takes numbers as numbers and words as words, starred parameters the rest."""
    result = pegboard("run", "jobs:free", "1", "two", "[3]", "--four", "4")
    assert json.loads(result.stdout) == [1, ["two", [3]], {"four": 4}]


def test_a_list_may_be_given_as_json(pegboard) -> None:
    """`--tags [1,2]` is the list."""
    result = pegboard("run", "jobs:kinds", "1", "1", "red", "fast", "--tags", "[1, 2]")
    assert json.loads(result.stdout)["tags"] == [1, 2]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["jobs:double"], "missing a required argument: 'x'"),
        (["jobs:double", "1", "2"], "too many positional arguments"),
        (["jobs:double", "one"], "x: 'one' is no whole number"),
        (["jobs:double", "1", "--loud=perhaps"], "loud: 'perhaps' is neither true nor false"),
        (["jobs:double", "1", "--lud"], "Did you mean --loud?"),
        (["jobs:double", "--x"], "--x needs a value"),
        (
            ["jobs:double", "--x", "--loud"],
            "--x needs a value. For a text that begins with dashes: --x=--loud",
        ),
        (["jobs:double", "--x", "1", "--x", "2"], "--x: it takes one value, and is given 2"),
        (["jobs:double", "1", "--loud", "--loud"], "--loud: it takes one value, and is given 2"),
        (["jobs:kinds", "1", "1", "green", "fast"], "'green' is none of red, blue"),
        (["jobs:kinds", "1", "1", "red", "slow"], "'slow' is none of fast, safe"),
    ],
)
def test_what_does_not_fit_is_a_misuse(pegboard, words: list[str], message: str) -> None:
    """Exit code 2, and a message that names the parameter; the task does not run."""
    result = pegboard("run", *words)
    assert result.exit_code == 2
    assert message in result.stderr
