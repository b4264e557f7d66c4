"""The lines of attempts and retries, where asked for."""

from __future__ import annotations

import pytest

from pegboard import Layer, Order, Session, hookimpl, task
from pegboard.testing import FakeClock
from pegboard_jsonlines import JSONLines


class Again:
    """Runs everything that fails a second time, as retries do."""

    name = "again"

    @hookimpl
    def bind(self, session, task):
        async def run(call, proceed):
            try:
                return await proceed(call)
            except ValueError as error:
                call.emit("on_retry", call.attempt, error, 1.5)
                await call.sleep(1.5)
                return await proceed(call)

        return Layer("again", Order.RETRY, run=run)


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_attempts_and_retries_between_them(path, read, is_async):
    """Each attempt with its number, time and end; a retry with the wait before the next, in seconds."""
    clock = FakeClock()

    def fails_once():
        clock.advance(2)
        seen.append(1)
        if len(seen) == 1:
            raise ValueError("first")

    async def fails_once_later():
        fails_once()

    seen = []
    with Session(JSONLines(path, attempts=True), Again(), clock, inherit=False, strict=True):
        result = task(fails_once_later if is_async else fails_once, name="probe").run()
    first, retry, second, call = read()
    shared = {"task": "probe", "call_id": result.call_id, "session_id": call["session_id"]}
    for line in (first, retry, second):
        assert shared.items() <= line.items()
    assert (first["event"], first["attempt"], first["status"], first["duration"]) == (
        "attempt",
        1,
        "error",
        2.0,
    )
    assert (first["error_type"], first["error_message"]) == ("ValueError", "first")
    assert (retry["event"], retry["attempt"], retry["delay"], retry["error_type"]) == (
        "retry",
        1,
        1.5,
        "ValueError",
    )
    assert (second["attempt"], second["status"], second["duration"], second["error_type"]) == (
        2,
        "ok",
        2.0,
        None,
    )
    assert (call["event"], call["attempts"]) == ("call", 2)


def test_without_being_asked_for_attempts_cost_nothing(path):
    """Only the end of a call is watched."""
    with Session(JSONLines(path), inherit=False) as session:
        assert dict(session.explain(task(len)).observers) == {"after_execute": ("jsonlines",)}
