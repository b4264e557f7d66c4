"""Layers that do not await what they proceed to."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from pegboard import Layer, NotAwaited, Session, hookimpl, task
from pegboard.testing import Recorder


class Around:
    """A plugin with one layer, which awaits or forgets to."""

    def __init__(self, name: str, order: int, forgets: bool) -> None:
        self.name, self.order, self.forgets = name, order, forgets

    @hookimpl
    def bind(self) -> Layer:
        async def awaiting(call: Any, proceed: Any) -> Any:
            return await proceed(call)

        async def forgetting(call: Any, proceed: Any) -> Any:
            return proceed(call)

        return Layer(self.name, self.order, run=forgetting if self.forgets else awaiting)


@task
def function() -> int:
    raise AssertionError("it ran")


@task
async def coroutine() -> int:
    raise AssertionError("it ran")


def call(probe: Any) -> object:
    value = probe()
    return asyncio.run(value) if asyncio.iscoroutine(value) else value


@pytest.mark.parametrize("watched", [False, True])
@pytest.mark.parametrize("probe", [function, coroutine], ids=["function", "coroutine"])
@pytest.mark.parametrize("guilty", ["outer", "inner"])
def test_a_layer_that_forgets_to_await_is_an_error_that_names_it(
    probe: Any, guilty: str, watched: bool
) -> None:
    """Whether a layer or the function is what it proceeds to."""
    plugins = [Around("outer", 200, guilty == "outer"), Around("inner", 300, guilty == "inner")]
    with (
        Session(*plugins, *([Recorder()] if watched else []), inherit=False),
        pytest.raises(NotAwaited, match=f"plugin '{guilty}' returned what it proceeds to") as caught,
    ):
        call(probe)
    assert (caught.value.plugin, caught.value.task) == (guilty, probe.name)


def test_a_function_may_return_a_coroutine_or_a_generator() -> None:
    """It is its value."""

    async def later() -> int:
        return 2

    @task
    def makes() -> Coroutine[Any, Any, int]:
        return later()

    @task
    def makes_items() -> Any:
        return (number for number in (1, 2))

    with Session(Around("around", 200, forgets=False), inherit=False):
        assert asyncio.run(makes()) == 2
        assert list(makes_items()) == [1, 2]
