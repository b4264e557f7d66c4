"""An interrupt loses no probe."""

from __future__ import annotations

import asyncio

import pytest

from pegboard import Session, task
from pegboard_limits import Breaker, Limits


# From Python 3.12 on, a step that an interrupt kept from being taken warns when it is collected.
@pytest.mark.filterwarnings("ignore:coroutine method 'asend'")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("stream", [False, True], ids=["function", "stream"])
def test_an_interrupt_anywhere_in_a_probe_leaves_none_on_its_way(interrupted_everywhere, stream):
    """The next call is the probe, at whatever moment the one before was interrupted."""
    broken = True

    def work():
        if broken:
            raise ConnectionError
        return 1

    def items():
        yield work()

    made = task(Breaker(1, recovery=1e-9))(items if stream else work)

    def call():
        return list(made()) if stream else made()

    def probe():
        nonlocal broken
        broken = False
        call()
        broken = True
        with pytest.raises(ConnectionError):
            call()
        broken = False

    with Session(Limits()):
        probe()
        assert interrupted_everywhere(call, probe) > 20


def test_a_probe_left_in_a_closed_loop_is_over():
    """A coroutine that an interrupt left suspended is not on its way any more once its event loop is closed."""
    broken, kept = True, []

    @task(Breaker(1, recovery=1e-9))
    async def work(*, wait=False):
        if broken:
            raise ConnectionError
        await asyncio.sleep(60 if wait else 0)
        return 1

    with Session(Limits()):
        with pytest.raises(ConnectionError):
            asyncio.run(work())
        broken = False
        loop = asyncio.new_event_loop()
        kept.append(loop.create_task(work(wait=True)))
        loop.run_until_complete(asyncio.sleep(0.01))
        loop.close()
        assert asyncio.run(work()) == 1
