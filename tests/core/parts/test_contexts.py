"""Context managers through which the errors of others pass as they are."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from pegboard import Layer, Order, Session, hookimpl, task
from pegboard.parts.contexts import async_context_manager, context_manager


@dataclasses.dataclass(frozen=True)
class Frozen(Exception):  # noqa: N818
    key: int


log: list[object] = []


@pytest.fixture(autouse=True)
def nothing_logged() -> None:
    log.clear()


@context_manager
def noting(name: str) -> Iterator[str]:
    try:
        yield name
    except KeyError:
        log.append("swallowed")
    except LookupError as error:
        raise ValueError from error
    finally:
        log.append("left")


@async_context_manager
async def anoting(name: str) -> AsyncIterator[str]:
    try:
        await asyncio.sleep(0)
        yield name
    except KeyError:
        log.append("swallowed")
    except LookupError as error:
        raise ValueError from error
    finally:
        log.append("left")


def enter(error: BaseException | None) -> None:
    with noting("it") as name:
        assert name == "it"
        if error is not None:
            raise error


def aenter(error: BaseException | None) -> None:
    async def main() -> None:
        async with anoting("it") as name:
            assert name == "it"
            if error is not None:
                raise error

    asyncio.run(main())


both = pytest.mark.parametrize("within", [enter, aenter])


@both
@pytest.mark.parametrize("error", [Frozen(1), OSError(), KeyboardInterrupt(), GeneratorExit()], ids=repr)
def test_the_error_of_the_block_leaves_it(within: Any, error: BaseException) -> None:
    """The same object, of whatever class, once what follows the block has run."""
    with pytest.raises(type(error)) as caught:
        within(error)
    assert caught.value is error
    assert log == ["left"]


@both
def test_an_error_may_be_swallowed_or_be_another_one(within: Any) -> None:
    """As in contextlib's."""
    within(KeyError())
    assert log == ["swallowed", "left"]
    with pytest.raises(ValueError):
        within(IndexError())
    within(None)
    assert log == ["swallowed", "left", "left", "left"]


def test_a_stop_of_an_iteration_leaves_as_itself() -> None:
    """Though a generator cannot raise one."""
    error = StopIteration(1)
    with pytest.raises(StopIteration) as caught:
        enter(error)
    assert caught.value is error


@pytest.mark.parametrize("kind", ["function", "coroutine"])
def test_a_frozen_error_leaves_through_a_lock_as_itself(kind: str) -> None:
    """One of a call's."""
    error = Frozen(2)

    class Locking:
        name = "locking"

        @hookimpl
        def bind(self) -> Layer:
            async def run(call: Any, proceed: Any) -> Any:
                async with call.lock("key"):
                    return await proceed(call)

            return Layer("locking", Order.LIMIT, run=run)

    @task
    def function() -> None:
        raise error

    @task
    async def coroutine() -> None:
        raise error

    with Session(Locking(), inherit=False), pytest.raises(Frozen) as caught:
        function() if kind == "function" else asyncio.run(coroutine())
    assert caught.value is error
