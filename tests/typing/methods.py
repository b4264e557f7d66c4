"""What a type checker sees of tasks in a class; checked, never run."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, assert_type

from pegboard import Retry, TaskResult, task


class Shop:
    @task
    def price(self, item: str) -> float:
        return float(len(item))

    @task(Retry(2))
    async def order(self, item: str) -> int:
        return len(item)

    @staticmethod
    @task
    def other(amount: float) -> float:
        return amount


def use(shop: Shop) -> None:
    """The object is bound; the other parameters stay."""
    assert_type(shop.price("x"), float)
    assert_type(shop.price.run("x"), TaskResult[float])
    waiting: Coroutine[Any, Any, int] = shop.order("x")
    waiting.close()
    assert_type(Shop.other(1.0), float)
    assert_type(shop.price.map(["a", "b"]), list[float])
