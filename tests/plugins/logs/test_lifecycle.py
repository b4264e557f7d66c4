"""Lines about calls, on the logger `pegboard.task`."""

from __future__ import annotations

import asyncio
import logging

import pytest

from pegboard import Layer, Order, Secret, Session, hookimpl, task
from pegboard.privacy import KNOWN
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
    """Message and fields have no more of it; its text and stack trace are where those of every logged exception are."""
    with Session(Logs(lifecycle=True, json=True), inherit=False, strict=True):
        error = task(body, name="probe").run().error
    assert lines(output) == [("ERROR", "task probe failed with ValueError, 1 attempt")]
    assert output.records[-1].exc_info[1] is error
    event = output.events()[-1]
    assert CANARY in str(event.pop("exception"))
    assert CANARY not in str(event)
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
    assert "\\x1b[31m failed with tests.plugins.logs.test_lifecycle.Bad\\n[ERROR] after " in output.lines[0]


def test_a_template_is_not_filled_in(output):
    """Lines have the static name, as an argument may be in the other."""

    @task(name="load_{day}")
    def load(day):
        return day

    with Session(Logs(lifecycle=True), inherit=False, strict=True):
        load(CANARY)
    assert lines(output) == [("DEBUG", "task load_{day} ended, 1 attempt")]


def test_names_are_no_templates(output):
    """A percent sign in a name is one in the line."""

    def named():
        raise type("100%s", (Exception,), {})

    with Session(Logs(lifecycle=True), FakeClock(), inherit=False, strict=True):
        task(named, name="at 100%d").run()
    assert output.records[0].getMessage().startswith("task at 100%d failed with tests.plugins")


def test_who_groups_by_templates_groups_by_task_and_class(output):
    """What differs from call to call is among the arguments."""

    def otherwise():
        raise LookupError(CANARY)

    one, other = task(fails, name="one"), task(fails, name="other")
    with Session(Logs(lifecycle=True), FakeClock(), Again(), inherit=False, strict=True):
        for each in (one, one, other, task(otherwise, name="one")):
            each.run()
    templates = [record.msg for record in output.records if record.levelname == "ERROR"]
    assert templates[0] == templates[1]
    assert len(set(templates)) == 3
    assert len({record.msg for record in output.records if record.levelname == "WARNING"}) == 2


def test_what_another_call_sees_has_no_stack_trace(output):
    """So that an error has one in the log: where it leaves the outermost call."""
    inner = task(fails, name="inner")

    @task(name="outer")
    def outer():
        inner()

    with Session(Logs(lifecycle=True), FakeClock(), Again(), inherit=False, strict=True):
        outer.run()
    assert [record.levelname for record in output.records if record.exc_info] == ["ERROR"]


def test_a_line_has_its_ids_wherever_it_is_read(output, root):
    """Also by a handler that no session has."""
    records = []
    handler = logging.Handler()
    handler.emit = records.append
    root.handlers = []
    logging.getLogger("pegboard.task").addHandler(handler)
    try:
        with Session(Logs(lifecycle=True, handlers=[output]), inherit=False, strict=True):
            result = task(fails, name="probe").run()
    finally:
        logging.getLogger("pegboard.task").removeHandler(handler)
    assert (records[0].pegboard_task, records[0].pegboard_call_id) == ("probe", result.call_id)


SENSITIVE = {
    "task": task(sensitive=True),
    "below a task": lambda fail: task(sensitive=True)(_calling(fail)),
    "cause": lambda fail: task(lambda: _raise_from(task(sensitive=True)(fail))),
    "group": lambda fail: task(lambda: _raise_group(task(sensitive=True)(fail))),
}


def _calling(fail):
    def around():
        task(fail)()

    return around


def _raise_from(fail):
    try:
        fail()
    except ValueError as error:
        raise LookupError from error


def _raise_group(fail):
    raise ExceptionGroup("several", [fail.run().error])


@pytest.mark.parametrize("make", SENSITIVE.values(), ids=SENSITIVE)
def test_of_a_sensitive_task_there_is_no_stack_trace(output, make):
    """In no record, whoever reads it: as itself, below, as a cause, in a group."""
    with Session(Logs(lifecycle=True), inherit=False, strict=True):
        make(fails).run()
    assert [record.levelname for record in output.records][-1] == "ERROR"
    assert not any(record.exc_info for record in output.records)


def _in_text():
    raise ValueError(CANARY)


def _in_cause():
    raise LookupError from ValueError(CANARY)


def _in_hidden_context():
    try:
        fails()
    except ValueError:
        raise LookupError from None


def _in_note():
    error = ValueError()
    error.add_note(f"with {CANARY}")
    raise error


def _in_member():
    raise ExceptionGroup("many", [*[ValueError() for _ in range(50)], KeyError(CANARY)])


def _in_source():
    raise ValueError(len("canary-77d"))


@pytest.mark.parametrize(
    "body",
    [_in_text, _in_cause, _in_hidden_context, _in_note, _in_member, _in_source],
    ids=lambda body: body.__name__,
)
@pytest.mark.parametrize("known", ["secret of the session", "argument", "no"])
def test_where_a_secret_would_show_there_is_no_stack_trace(output, body, known):
    """In text, cause, context, note, member or source, if it is known; otherwise there is one."""
    KNOWN.forget()  # what other tests' sessions knew
    with Session(Logs(lifecycle=True), inherit=False, strict=True) as session:
        if known == "secret of the session":
            session.masks.add(CANARY)
        task(lambda key: body(), name="probe").run(Secret(CANARY) if known == "argument" else None)
    assert bool(output.records[-1].exc_info) is (known == "no")
