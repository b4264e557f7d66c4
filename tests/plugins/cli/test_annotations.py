"""Annotations of tasks, as the command line reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

HEAD = """
from __future__ import annotations
from typing import TYPE_CHECKING
from pegboard import task
if TYPE_CHECKING:
    from nowhere import Thing
"""


@pytest.mark.parametrize(
    ("words", "printed"), [((), "None"), (("--x",), "True"), (("--no-x",), "False"), (("--x=none",), "None")]
)
def test_an_optional_flag_has_three_states(pegboard, words: tuple[str, ...], printed: str) -> None:
    """`--flag`, `--no-flag`, and None when neither is given."""
    Path("flags.py").write_text(f"{HEAD}@task\ndef f(*, x: bool | None = None): return repr(x)\n")
    assert pegboard("run", "flags:f", *words).stdout == f"{printed}\n"


@pytest.mark.parametrize(
    ("words", "printed"),
    [
        (("a", "--loud"), "('a', True, True)"),
        (("a", "--no-sure"), "('a', False, False)"),
        (("--loud", "a"), "('a', True, True)"),
    ],
)
def test_a_flag_by_its_default(pegboard, words: tuple[str, ...], printed: str) -> None:
    """A parameter that is no more than `loud=False` is a flag; one that is on is turned off by `--no-`."""
    Path("flags.py").write_text(
        f"{HEAD}@task\ndef f(x, loud=False, *, sure: bool = True): return repr((x, loud, sure))\n"
    )
    assert pegboard("run", "flags:f", *words).stdout == f"{printed}\n"


def test_an_annotation_that_cannot_be_resolved_costs_itself_alone(pegboard) -> None:
    """The types of the other parameters are still known."""
    Path("things.py").write_text(
        f"{HEAD}@task\ndef f(thing: Thing, count: int): return repr((thing, count))\n"
    )
    assert pegboard("run", "things:f", '{"a": 1}', "2").stdout == "({'a': 1}, 2)\n"
    assert "'x' is no whole number" in pegboard("run", "things:f", "1", "x").stderr


def test_starred_parameters_have_types(pegboard) -> None:
    """Of positional ones and of named ones."""
    Path("stars.py").write_text(
        f"{HEAD}@task\ndef f(*args: int, **kwargs: float): return repr((args, kwargs))\n"
    )
    assert (
        pegboard("run", "stars:f", "1", "2", "--some-share", "3").stdout == "((1, 2), {'some_share': 3.0})\n"
    )
    assert "--share: 'x' is no number" in pegboard("run", "stars:f", "--share", "x").stderr


def test_a_task_of_a_class_runs(pegboard) -> None:
    """A classmethod, without the class among its arguments."""
    Path("classes.py").write_text(
        f"{HEAD}class Loader:\n    @task\n    @classmethod\n    def load(cls, x: int): return repr((cls.__name__, x))\n"
    )
    assert pegboard("run", "classes:Loader.load", "4").stdout == "('Loader', 4)\n"
