"""Where a call runs, and how long it waited for that."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from pegboard.layers import Layer
from pegboard.places import THREADS, RemotePlace

if TYPE_CHECKING:
    from pegboard.calls.call import Call
    from pegboard.layers import Proceed, ProceedStream
    from pegboard.places import Place
    from pegboard.sessions.session import Session

_OUTERMOST = 0


def time_the_wait(call: Call) -> None:
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


def choose_place(call: Call, worker: Place | None = None) -> Place:
    """Choose where a call's function runs, and return the executor of this process that its call runs on.

    Args:
        call: Not begun yet.
        worker: The executor whose worker runs the call already, where one does.
    """
    session = call.session
    place = call.plan.own_place or session.place()
    if isinstance(place, RemotePlace):  # a thread waits for it, and does all of the call but the function
        call.plan = call.plan.placed(place)
        return worker or session.place(THREADS)
    place = worker or place
    call.executor = place.name
    return place


def workers_of(session: Session) -> Place:
    """Return the executor of this process whose workers run calls: threads, where functions run elsewhere."""
    place = session.place()
    return session.place(THREADS) if isinstance(place, RemotePlace) else place
