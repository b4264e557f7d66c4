"""Groups that are given up: cancelled once or twice, with sync bodies that fail afterwards."""

from __future__ import annotations

import asyncio
import gc
import threading
import time

import pytest

from pegboard import Session, task
from pegboard.running.open_group import open_group
from pegboard.testing import Recorder


@task
async def slow(x: int) -> int:
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return x


@task
def in_thread(x: int) -> int:
    return x


async def _grouped(probe, start: bool) -> list[object]:
    async with open_group("graph", "g") as group:
        if start:
            return [await each for each in [group.start(probe, x) for x in range(4)]]
        return [await group.acall(probe, x) for x in range(4)]


async def _read(probe, **options) -> list[object]:
    return [value async for value in probe.aimap(range(4), **options)]


FORMS = {
    "amap": lambda probe: probe.amap(range(4)),
    "amap, one at a time": lambda probe: probe.amap(range(4), concurrency=1),
    "aimap": _read,
    "aimap, unordered": lambda probe: _read(probe, ordered=False),
    "group.start": lambda probe: _grouped(probe, True),
    "group.acall": lambda probe: _grouped(probe, False),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("probe", [slow, in_thread], ids=["coroutine", "function"])
@pytest.mark.parametrize(
    "gap", [None, 0, 1, 2], ids=["once", "twice", "twice, 1 step apart", "twice, 2 steps apart"]
)
def test_a_group_that_is_cancelled_ends_for_its_observers(form, probe, gap) -> None:
    """At whichever step, and if cancelled once more while it ends: each beginning has its end, and nothing runs on."""

    async def main() -> None:
        for step in range(14):
            recorder = Recorder()
            with Session(recorder):
                running = asyncio.ensure_future(form(probe))
                await _steps(step)
                running.cancel()
                if gap is not None:
                    await _steps(gap)
                    running.cancel()
                await asyncio.wait([running])
                await _steps(3)
                left = asyncio.all_tasks() - {asyncio.current_task()}
                assert not left, step
            assert recorder.unbalanced() == [], step

    asyncio.run(main())


async def _steps(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("sensitive", [False, True], ids=["", "sensitive"])
def test_the_error_of_a_body_that_nobody_waits_for_any_more_is_logged_nowhere(
    form, sensitive, caplog
) -> None:
    """It fails after its group was given up: asyncio has nothing to complain of, and no text of it leaves."""
    begun = threading.Event()

    @task(sensitive=sensitive)
    def late(x: int) -> None:
        begun.set()
        time.sleep(0.02)
        raise KeyError("CANARY")

    async def main() -> None:
        running = asyncio.ensure_future(form(late))
        while not begun.is_set():  # noqa: ASYNC110 - a thread sets it
            await asyncio.sleep(0.001)
        running.cancel()
        await asyncio.wait([running])
        del running
        await asyncio.sleep(0.05)
        gc.collect()
        await asyncio.sleep(0)

    with Session():
        asyncio.run(main())
    gc.collect()
    assert [
        each.getMessage() for each in caplog.records if each.name == "asyncio" and each.levelname == "ERROR"
    ] == []
    assert "CANARY" not in caplog.text
