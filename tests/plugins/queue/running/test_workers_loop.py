"""Where coroutines run."""

from __future__ import annotations

import asyncio

from pegboard import task
from pegboard_queue import (
    TaskManager,
)


def test_inside_async_with_coroutines_run_in_the_callers_loop(session) -> None:
    """So that they may use what belongs to it."""

    @task
    async def where() -> object:
        return asyncio.get_running_loop()

    async def main() -> None:
        async with TaskManager(2) as manager:
            assert await manager.submit(where) is asyncio.get_running_loop()

    asyncio.run(main())


def test_elsewhere_coroutines_share_one_loop(manager) -> None:
    """A client made in one serves the next."""

    @task
    async def where() -> object:
        return asyncio.get_running_loop()

    assert manager.submit(where).wait(5) is manager.submit(where).wait(5)
