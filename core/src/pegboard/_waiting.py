"""The time between a submit and its call, told inside that call."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from pegboard.layers import Layer

if TYPE_CHECKING:
    from pegboard._call import Call
    from pegboard.layers import Proceed, ProceedStream

_OUTERMOST = 0


def note_submission(call: Call) -> None:
    """Have a call that is being submitted tell how long it waited, if anybody asks."""
    if "on_wait" in call.plan.events:
        call.state[WAITED] = time.perf_counter()
        call.plan = call.plan.with_layer(WAITED)


def _tell(call: Call) -> None:
    call.emit("on_wait", call.executor, time.perf_counter() - call.state.pop(WAITED))


async def _run(call: Call, proceed: Proceed) -> Any:
    _tell(call)
    return await proceed(call)


async def _stream(call: Call, proceed: ProceedStream) -> AsyncIterator[Any]:
    _tell(call)
    async for item in proceed(call):
        yield item


WAITED = Layer("wait for an executor", _OUTERMOST, run=_run, stream=_stream)
