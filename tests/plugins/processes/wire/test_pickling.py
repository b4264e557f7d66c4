"""Functions that cross from one process to another."""

from __future__ import annotations

import sys
import types

import pytest
import remote_tasks as tasks

from pegboard import task

pytestmark = pytest.mark.usefixtures("on_workers")


def test_functions_that_no_module_has():
    """Lambdas, closures and objects of local classes go both ways, with cloudpickle."""

    class Local:
        def __init__(self, value):
            self.value = value

    factor = 3
    assert tasks.apply.submit(lambda x: x * factor, 2).result() == 6
    assert tasks.apply.submit(lambda x: Local(x + 1), 2).result().value == 3
    assert type(tasks.apply.submit(Local, 2).result()) is Local
    assert tasks.gives.submit(1, "lambda").result()() == 5

    @task
    def local(x):
        return x * factor

    assert local.map([1, 2]) == [3, 6]


def test_modules_that_cannot_be_imported_anew():
    """Tasks of a module that was made by hand, as notebooks and test runners do, travel with what they use."""
    module = types.ModuleType("made_by_hand")
    sys.modules["made_by_hand"] = module
    source = """
from pegboard import task
@task
def inner(x):
    return x + 1
@task
def outer(x):
    return inner(x) * helper()
def helper():
    return 10
"""
    try:
        exec(source, module.__dict__)
        assert module.outer.map([1, 2]) == [20, 30]
    finally:
        del sys.modules["made_by_hand"]
