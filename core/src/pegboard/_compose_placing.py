"""Where a call of a group runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pegboard._executors import THREADS

if TYPE_CHECKING:
    from pegboard._call import Call
    from pegboard._executors import Place
    from pegboard.session import Session


def settle(call: Call, worker: Place | None = None) -> Place:
    """Settle where a call's function runs, and return the executor of this process that its call runs on.

    Args:
        call: Not begun yet.
        worker: The executor whose worker runs the call already, where one does.
    """
    session = call.session
    place = call.plan.own_place or session.place()
    if place.remote:  # a thread waits for it, and does all of the call but the function
        call.plan = call.plan.placed(place)
        return worker or session.place(THREADS)
    place = worker or place
    call.executor = place.name
    return place


def workers_of(session: Session) -> Place:
    """Return the executor of this process whose workers run calls: threads, where functions run elsewhere."""
    place = session.place()
    return session.place(THREADS) if place.remote else place
