"""What a type checker sees of the four kinds of task; checked by mypy --strict and pyright, never run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import Future
from typing import Any, assert_type

from pegboard import Backoff, Cache, Retry, Session, TaskResult, task


@task
def function(x: int, *, loud: bool = False) -> str:
    return str(x) + "!" * loud


@task(Retry(3, wait=Backoff()), Cache(ttl=60), name="configured_{x}", tags=("io",))
def configured(x: int) -> str:
    return str(x)


@task()
async def coroutine(x: int) -> str:
    return str(x)


@task
def generator(n: int) -> Iterator[int]:
    yield n


@task
async def async_generator(n: int) -> AsyncIterator[int]:
    yield n


def calls() -> None:
    """Calling a task gives what the function gives."""
    assert_type(function(1, loud=True), str)
    assert_type(configured(1), str)
    waiting: Coroutine[Any, Any, str] = coroutine(1)  # each checker has a name of its own for it
    waiting.close()
    assert_type(generator(1), Iterator[int])
    assert_type(async_generator(1), AsyncIterator[int])


def results() -> None:
    """`run` and `map` give the value that comes of it in the end, a list for a stream."""
    assert_type(function.run(1), TaskResult[str])
    assert_type(coroutine.run(1), TaskResult[str])
    assert_type(generator.run(1), TaskResult[list[int]])
    assert_type(async_generator.run(1), TaskResult[list[int]])
    assert_type(function.run(1).unwrap(), str)
    assert_type(function.submit(1), Future[str])
    assert_type(coroutine.submit(1), Future[str])
    assert_type(function.map([1, 2]), list[str])
    assert_type(coroutine.map([1, 2], on_error="collect", concurrency=2), list[str])
    assert_type(generator.map([1, 2]), list[list[int]])


async def awaited() -> None:
    """`acall`, `arun` and `amap` are to be awaited, whatever the kind."""
    first: str = await coroutine(1)
    assert_type(first, str)
    assert_type(await function.acall(1, loud=True), str)
    assert_type(await coroutine.acall(1), str)
    assert_type(await generator.acall(1), list[int])
    assert_type(await coroutine.arun(1), TaskResult[str])
    assert_type(await function.amap([1]), list[str])
    assert_type(await coroutine.amap([1]), list[str])


def options() -> None:
    """Options are values, and a copy keeps the signature."""
    assert_type(function.with_options(Retry(1))(1), str)
    assert_type(function.option(Retry), Retry | None)
    with Session("tracing", defaults=[Retry(2)], executor="threads") as session:
        assert_type(session, Session)
