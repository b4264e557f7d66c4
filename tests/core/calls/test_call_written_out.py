"""Code that is written out a second time, for speed, says what its original says."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from typing import Any

import pytest

from pegboard.calls.call import open_call
from pegboard.plans import coroutine, function
from pegboard.plans.plan import Plan
from pegboard.tasks.task import Task


def statements(source: object) -> list[str]:
    """Return the statements of a function's body as text without comments, its docstring left out."""
    tree: Any = ast.parse(textwrap.dedent(inspect.getsource(source)))  # type: ignore[arg-type]
    body = tree.body[0].body
    if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        body = body[1:]
    return [ast.unparse(each) for each in body]


def inner_function(outer: Callable[..., Any], name: str) -> ast.AST:
    """Return the function of this name that another one makes."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(outer)))
    (found,) = (
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name
    )
    return found


def blocks(tree: ast.AST) -> list[list[str]]:
    """Return every sequence of statements in a function, at any depth, as text."""
    found = []
    for node in ast.walk(tree):
        for field in ("body", "orelse", "finalbody"):
            block = getattr(node, field, None)
            if isinstance(block, list):
                found.append([ast.unparse(each) for each in block])
    return found


def holds(block: list[str], wanted: list[str]) -> bool:
    """Whether the statements stand in a block, one after the other."""
    return any(block[start : start + len(wanted)] == wanted for start in range(len(block)))


def test_a_task_makes_its_call_as_open_call_does() -> None:
    """`Task.__call__` begins a call with the same statements, in the same order, and then runs it."""
    *original, last = statements(open_call)
    written_out = statements(Task.__call__)
    assert last == "return call"
    assert written_out[-len(original) - 2 : -2] == original
    assert written_out[-2:] == ["run = call.plan.run", "return run(call)"]


@pytest.mark.parametrize(
    "make", [*function.MAKERS[1:], coroutine._runner], ids=lambda make: f"{make.__module__}.{make.__name__}"
)
def test_a_runner_ends_a_call_as_succeed_does(make: Callable[..., Any]) -> None:
    """What is kept in the plan is at hand in the runner, in a variable of the same name."""
    original = [text.replace("self._after", "after") for text in statements(Plan.succeed)]
    found = blocks(inner_function(make, "run"))
    assert any(holds(block, original) for block in found), "\n".join(original)


def test_the_comparison_tells_a_difference() -> None:
    """One statement less, or another order, is seen."""
    block = ["a = 1", "b = 2", "c = 3"]
    assert holds(block, ["b = 2", "c = 3"])
    assert not holds(block, ["a = 1", "c = 3"])
    assert not holds(block, ["b = 2", "a = 1"])
