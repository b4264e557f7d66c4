"""The hook specs of whoever runs functions in other processes; optional for the plugins that implement them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pegboard import hookspec

if TYPE_CHECKING:
    from pegboard import Call, Session
    from pegboard.records import Measurements


@hookspec
def bind_worker(session: Session) -> object:
    """Return a `Scope` around every function that runs in a worker, or None; asked once per session of a worker.

    A plugin goes to workers when it has a method `worker_settings()` that returns the keyword arguments to make it anew
    there. The call that the scope is entered with stands for the one at home; `call.carrier` holds what `on_depart` put there.
    """


@hookspec
def on_depart(call: Call, carrier: dict[str, str]) -> None:
    """Called before the function goes to another process: texts put into `carrier` go along, for `bind_worker`'s scope."""


@hookspec
def on_measurements(call: Call, measurements: Measurements) -> None:
    """Called when the function came back from another process, with what was measured of the calls it made there."""
