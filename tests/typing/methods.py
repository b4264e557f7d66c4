"""What a type checker sees of tasks in a class; checked, never run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import Any, Generic, TypeVar, assert_type

from pegboard import Retry, TaskResult, task

T = TypeVar("T")


class Shop:
    @task
    def price(self, item: str) -> float:
        return float(len(item))

    @task(Retry(2))
    async def order(self, item: str) -> int:
        return len(item)

    @task
    def items(self, n: int) -> Iterator[int]:
        yield n

    @task
    async def items_later(self, n: int) -> AsyncIterator[int]:
        yield n

    @task
    @classmethod
    def class_inside(cls, item: str) -> float:
        return float(len(item))

    @classmethod
    @task
    def class_outside(cls, item: str) -> float:
        return float(len(item))

    @task(Retry(1))
    @classmethod
    def class_configured(cls, item: str) -> float:
        return float(len(item))

    @task
    @staticmethod
    def static_inside(item: str) -> float:
        return float(len(item))

    @staticmethod
    @task
    def static_outside(item: str) -> float:
        return float(len(item))

    @task(Retry(1))
    @staticmethod
    def static_configured(item: str) -> float:
        return float(len(item))


class Branch(Shop):
    """Inherits every task."""


class Box(Generic[T]):
    def __init__(self, value: T) -> None:
        self.value = value

    @task
    def get(self, times: int) -> list[T]:
        return [self.value] * times


def use(shop: Shop, branch: Branch, box: Box[bytes]) -> None:
    """The object is bound; the other parameters stay."""
    assert_type(shop.price("x"), float)
    assert_type(branch.price("x"), float)
    assert_type(Shop.price(shop, "x"), float)
    assert_type(shop.price.run("x"), TaskResult[float])
    assert_type(shop.price.map(["a", "b"]), list[float])
    assert_type(shop.price.with_options(Retry(1), name="other")("x"), float)
    waiting: Coroutine[Any, Any, int] = shop.order("x")
    waiting.close()
    assert_type(shop.order.run("x"), TaskResult[int])
    assert_type(shop.items(1), Iterator[int])
    assert_type(shop.items.run(1), TaskResult[list[int]])
    assert_type(shop.items_later(1), AsyncIterator[int])
    assert_type(shop.items_later.run(1), TaskResult[list[int]])
    assert_type(box.get(2), list[bytes])


def class_methods(shop: Shop, branch: Branch) -> None:
    """The class is bound, on the class and on its objects, in either order of the decorators."""
    assert_type(Shop.class_inside("x"), float)
    assert_type(Shop.class_outside("x"), float)
    assert_type(Shop.class_configured("x"), float)
    assert_type(Branch.class_inside("x"), float)
    assert_type(shop.class_inside("x"), float)
    assert_type(shop.class_outside("x"), float)
    assert_type(shop.class_configured("x"), float)
    assert_type(branch.class_outside.run("x"), TaskResult[float])


def static_methods(shop: Shop, branch: Branch) -> None:
    """Nothing is bound."""
    assert_type(Shop.static_inside("x"), float)
    assert_type(Shop.static_outside("x"), float)
    assert_type(Shop.static_configured("x"), float)
    assert_type(shop.static_inside("x"), float)
    assert_type(shop.static_outside("x"), float)
    assert_type(branch.static_configured.map(["x"]), list[float])
