"""A coroutine whose steps are taken in different contexts: what is current is put back in each."""

from __future__ import annotations

import types
from collections.abc import Generator
from contextlib import suppress
from contextvars import Context, copy_context

from pegboard import Session, current_call, task


@types.coroutine
def pause() -> Generator[None, None, None]:
    yield


@task
async def paused() -> int:
    await pause()
    return 1


def test_a_call_whose_last_step_is_in_another_context_ends_like_any_other() -> None:
    """It returns its value, and is no longer current there."""
    with Session():
        step = paused()
        Context().run(step.send, None)
        context = copy_context()

        def finish() -> object:
            with suppress(StopIteration):
                step.send(None)
                return "not over"
            return current_call()

        assert context.run(finish) is None
