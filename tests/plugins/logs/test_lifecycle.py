"""Lines about calls, on the logger `pegboard.task`."""

from __future__ import annotations

import asyncio
import logging

import pytest

from pegboard import Layer, Order, Session, hookimpl, task
from pegboard.testing import FakeClock
from pegboard_logs import Logs

CANARY = "canary-77d"


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
                return await proceed(call)

        return Layer("again", Order.RETRY, run=run) if task.kind in ("function", "coroutine") else None


def lines(output):
    """Level and message of the lines about calls, without times."""
    import re

    return [
        (record.levelname, re.sub(r" after [\d.]+ s", "", record.getMessage()))
        for record in output.records
        if record.name == "pegboard.task"
    ]


def works():
    return CANARY


async def works_later():
    await asyncio.sleep(0)
    return CANARY


def yields():
    yield CANARY


async def yields_later():
    yield CANARY


def fails():
    raise ValueError(CANARY)


async def fails_later():
    raise ValueError(CANARY)


def fails_in_stream():
    yield 1
    raise ValueError(CANARY)


async def fails_in_async_stream():
    yield 1
    raise ValueError(CANARY)


@pytest.mark.parametrize("body", [works, works_later, yields, yields_later])
def test_an_end_is_a_line_for_debugging(output, body):
    """Of all four kinds of task."""
    with Session(Logs(lifecycle=True), inherit=False, strict=True):
        task(body, name="probe").run()
    assert lines(output) == [("DEBUG", "task probe ended, 1 attempt")]


@pytest.mark.parametrize("body", [fails, fails_later, fails_in_stream, fails_in_async_stream])
def test_a_failure_is_an_error_with_its_class(output, body):
    """The text of the exception, inputs and results are in no line of ours, nor in its fields."""
    with Session(Logs(lifecycle=True, json=True), inherit=False, strict=True):
        task(body, name="probe").run()
    assert lines(output) == [("ERROR", "task probe failed with ValueError, 1 attempt")]
    assert CANARY not in output.text
    event = output.events()[-1]
    assert (event["status"], event["source"], event["attempts"], event["error_type"]) == (
        "error",
        "run",
        1,
        "ValueError",
    )
    assert event["duration"] > 0
    assert (event["pegboard_task"], event["pegboard_attempt"]) == ("probe", 1)


def test_a_failure_inside_another_call_is_a_warning(output):
    """The call around it may deal with it; if it does not, it says so itself."""
    inner = task(fails, name="inner")

    @task(name="outer")
    def outer():
        inner()

    with Session(Logs(lifecycle="WARNING"), inherit=False, strict=True):
        outer.run()
    assert [level for level, _ in lines(output)] == ["WARNING", "ERROR"]


def test_a_retry_is_a_warning(output):
    """With the attempt that failed, and the wait before the next."""
    with Session(Logs(lifecycle=True), FakeClock(), Again(), inherit=False, strict=True):
        task(fails, name="probe").run()
    assert lines(output) == [
        ("WARNING", "task probe: attempt 1 failed with ValueError, the next begins in 1.500 s"),
        ("ERROR", "task probe failed with ValueError, 2 attempts"),
    ]


def test_a_stream_left_early_and_an_interrupt(output):
    """Neither is a failure."""

    @task(name="interrupted")
    def interrupted():
        raise KeyboardInterrupt

    with Session(Logs(lifecycle=True), inherit=False, strict=True):
        stream = task(yields, name="stream")()
        next(stream)
        stream.close()
        with pytest.raises(KeyboardInterrupt):
            interrupted()
    assert lines(output) == [
        ("DEBUG", "task stream was closed, 1 attempt"),
        ("INFO", "task interrupted was cancelled with KeyboardInterrupt, 1 attempt"),
    ]


@pytest.mark.parametrize(("source", "level"), [("cache", "DEBUG"), ("fallback", "INFO")])
def test_a_value_from_elsewhere_is_said(output, source, level):
    """A fallback is worth more attention than a hit."""

    class Elsewhere:
        name = "elsewhere"

        @hookimpl
        def bind(self, session, task):
            async def run(call, proceed):
                call.source = source

            return Layer("elsewhere", Order.CACHE, run=run)

    with Session(Logs(lifecycle=True), Elsewhere(), inherit=False, strict=True):
        task(works, name="probe").run()
    assert lines(output) == [(level, f"task probe ended, from {source}")]


@pytest.mark.parametrize(
    ("lifecycle", "levels"),
    [
        (False, []),
        (None, []),
        (True, ["DEBUG", "WARNING", "ERROR"]),
        ("debug", ["DEBUG", "WARNING", "ERROR"]),
        (logging.WARNING, ["WARNING", "ERROR"]),
        ("ERROR", ["ERROR"]),
        (logging.CRITICAL, []),
    ],
)
def test_lines_below_the_level_are_not_made(output, lifecycle, levels):
    """A level as name or number."""
    with Session(Logs(lifecycle=lifecycle), FakeClock(), Again(), inherit=False, strict=True):
        task(works).run()
        task(fails).run()
    assert [level for level, _ in lines(output)] == levels


def test_the_level_of_the_logger_counts_too(output):
    """As with any other logger."""
    logger = logging.getLogger("pegboard.task")
    logger.setLevel("ERROR")
    try:
        with Session(Logs(lifecycle=True), inherit=False, strict=True):
            task(works).run()
            task(fails).run()
    finally:
        logger.setLevel("NOTSET")
    assert [level for level, _ in lines(output)] == ["ERROR"]


def test_without_lines_a_task_is_not_watched():
    """It costs nothing."""
    with Session(Logs(), inherit=False) as session:
        assert dict(session.explain(task(works)).observers) == {}


def test_names_and_classes_are_escaped(output):
    """An exception's class and a function may be called anything."""
    kind = type("Bad\n[ERROR]", (Exception,), {})

    def hostile():
        raise kind

    hostile.__qualname__ = "x\x1b[31m"
    with Session(Logs(lifecycle=True, escape=False), inherit=False, strict=True):
        task(hostile).run()
    assert output.text.count("\n") == len(output.records)
    assert "\\x1b[31m failed with " in output.text


def test_a_template_is_not_filled_in(output):
    """Lines have the static name, as an argument may be in the other."""

    @task(name="load_{day}")
    def load(day):
        return day

    with Session(Logs(lifecycle=True), inherit=False, strict=True):
        load(CANARY)
    assert lines(output) == [("DEBUG", "task load_{day} ended, 1 attempt")]
