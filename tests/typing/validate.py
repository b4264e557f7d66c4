"""What a type checker sees of tasks whose results are checked; checked by mypy --strict and pyright, never run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import Any, assert_type

from pydantic import BaseModel

from pegboard import Retry, TaskResult, task
from pegboard_validate import (
    OutputFormat,
    Validate,
    extract_json,
    json_extraction_task,
    pydantic_task,
    string_task,
)


class Order(BaseModel):
    number: int


@pydantic_task(model_class=Order)
def by_class(text: str, *, loud: bool = False) -> str:
    return text


@pydantic_task(model=Order, name="order_{text}", sensitive=True)
def by_model(text: str) -> dict[str, Any]:
    return {"text": text}


@pydantic_task(Order)
async def later(text: str) -> str:
    return text


@pydantic_task(Order, Retry(2), tags=("llm",))
def each(text: str) -> Iterator[str]:
    yield text


@pydantic_task(Retry(2), model_class=Order)
async def each_later(text: str) -> AsyncIterator[str]:
    yield text


@json_extraction_task(schema={"age": "number"})
def extracted(text: str) -> str:
    return text


@json_extraction_task(Retry(1), schema={"type": "object", "properties": {}}, name="extract")
async def extracted_later(text: str) -> str:
    return text


@string_task
def said(text: str) -> object:
    return text


@string_task
async def said_later(text: str) -> object:
    return text


@string_task(Retry(1), description="What was said.")
def configured(text: str) -> object:
    return text


@task(Validate(inputs=True, output=OutputFormat.JSON, strict=True))
def checked(x: int) -> str:
    return str(x)


class Desk:
    @pydantic_task(Order)
    def order(self, text: str) -> str:
        return text

    @string_task
    def title(self, text: str) -> str:
        return text


def models(desk: Desk) -> None:
    """The result is the model; the parameters stay."""
    assert_type(by_class("x", loud=True), Order)
    assert_type(by_model("x"), Order)
    waiting: Coroutine[Any, Any, Order] = later("x")
    waiting.close()
    assert_type(each("x"), Iterator[Order])
    assert_type(each_later("x"), AsyncIterator[Order])
    assert_type(by_class.run("x"), TaskResult[Order])
    assert_type(later.run("x"), TaskResult[Order])
    assert_type(each.run("x"), TaskResult[list[Order]])
    assert_type(by_class.map(["x"]), list[Order])
    assert_type(desk.order("x"), Order)


def others(desk: Desk) -> None:
    """JSON may be anything; a string is a str; a bare `Validate` changes no type."""
    assert_type(extracted("x"), Any)
    assert_type(extracted_later.run("x"), TaskResult[Any])
    assert_type(said("x"), str)
    assert_type(said_later.run("x"), TaskResult[str])
    assert_type(configured("x"), str)
    assert_type(desk.title("x"), str)
    assert_type(checked(1), str)
    assert_type(extract_json("{}", max_depth=3), Any)
