"""Waking a coroutine from any thread."""

import asyncio
import threading

import pytest

from pegboard.parts.wakers import new_waker


def test_another_thread_ends_the_wait() -> None:
    """Whoever awaits goes on, however often it is woken."""

    async def main() -> list[bool]:
        woken, wake = new_waker()
        told: list[bool] = []
        thread = threading.Thread(target=lambda: told.extend([wake(), wake()]))
        thread.start()
        await asyncio.wait_for(woken, 10)
        thread.join()
        return told

    assert asyncio.run(main()) == [True, True]


def test_a_wait_that_was_cancelled_is_left_alone() -> None:
    """Waking comes too late, and nobody hears of it."""

    async def main() -> None:
        woken, wake = new_waker()
        woken.cancel()
        assert wake()
        with pytest.raises(asyncio.CancelledError):
            await woken
        await asyncio.sleep(0)  # what `wake` asked for happens here

    asyncio.run(main(), debug=True)


def test_in_a_closed_loop_nobody_is_woken() -> None:
    """Whoever wakes learns that it was in vain, and may wake another."""

    async def main() -> object:
        return new_waker()[1]

    assert asyncio.run(main())() is False
