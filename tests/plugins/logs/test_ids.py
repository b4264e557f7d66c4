"""Records carry the ids of the call that they were written in."""

from __future__ import annotations

import asyncio
import logging
import logging.handlers
import queue
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from pegboard import Scope, Session, current_call, hookimpl, task
from pegboard_logs import CallIds, Logs

NO_IDS = dict.fromkeys(("pegboard_task", "pegboard_call_id", "pegboard_attempt", "trace_id", "span_id"), "")


class Traced:
    """Fills the slots that a tracing plugin fills, of a span that is not sampled."""

    name = "traced"

    @hookimpl
    def bind(self, session, task):
        def enter(call):
            call.trace_id, call.span_id, call.sampled = (
                "0af7651916cd43dd8448eb211c80319c",
                f"{call.number:016x}",
                False,
            )

        return Scope("traced", enter, lambda call, token: None)


def ids_on(record):
    return {name: getattr(record, name) for name in NO_IDS}


def ids_of_current_call():
    call = current_call()
    return {
        "pegboard_task": call.task.name,
        "pegboard_call_id": call.id,
        "pegboard_attempt": call.attempt,
        "trace_id": call.trace_id or "",
        "span_id": call.span_id or "",
    }


def probes(log):
    """A task of each kind, each logging once and noting what the record must have."""
    expected = []

    def note():
        log.info("inside")
        expected.append(ids_of_current_call())

    @task
    def function():
        note()

    @task
    async def coroutine():
        await asyncio.sleep(0)
        note()

    @task
    def generator():
        yield 1
        note()

    @task
    async def async_generator():
        yield 1
        await asyncio.sleep(0)
        note()

    return expected, [function, coroutine, generator, async_generator]


@pytest.mark.parametrize("plugins", [[], [Traced()]], ids=["without tracing", "with tracing, unsampled"])
def test_every_kind_of_task_gives_its_ids(log, output, plugins):
    """Ids without any tracing, and the trace id also of a span that is not sampled."""
    expected, tasks = probes(log)
    with Session(Logs(), *plugins, inherit=False):
        for each in tasks:
            each.run()
    mine = [
        record for record in output.records if record.name == log.name
    ]  # asyncio has something to say, too
    assert [ids_on(record) for record in mine] == expected
    assert all(bool(each["trace_id"]) is bool(plugins) for each in expected)


def test_outside_a_call_the_ids_are_empty(log, output):
    """A format that names the ids works there, too."""
    with Session(Logs(), inherit=False):
        log.info("outside")
    assert ids_on(output.records[0]) == NO_IDS


def test_nested_and_alternating_calls_keep_their_own_ids(log, output):
    """A record belongs to the innermost call, before and after it called another."""

    @task
    def inner():
        log.info(current_call().id)

    @task
    def outer():
        log.info(current_call().id)
        inner()
        log.info(current_call().id)

    with Session(Logs(), inherit=False):
        outer()
        outer()
    assert [record.pegboard_call_id for record in output.records] == [
        record.getMessage() for record in output.records
    ]


def test_threads_keep_their_own_ids(log, output):
    """Eight threads that log at the same time through one handler never get each other's ids."""
    together = threading.Barrier(8)

    @task
    def probe(number):
        together.wait(10)
        for _ in range(200):
            log.info(current_call().id)

    with ThreadPoolExecutor(8) as pool, Session(Logs(), inherit=False, executor=pool):
        list(probe.map(range(8)))
    assert len(output.records) == 1_600
    assert all(record.pegboard_call_id == record.getMessage() for record in output.records)


def test_the_attempt_is_that_of_the_moment(log, output):
    """Records of a later attempt of one call carry its number, and ids that came late are found."""

    @task
    def probe():
        call = current_call()
        for call.attempt in (0, 1, 2):
            log.info("now")
            call.trace_id, call.span_id = "late", "late"

    with Session(Logs(), inherit=False):
        probe()
    assert [record.pegboard_attempt for record in output.records] == [0, 1, 2]
    assert [record.trace_id for record in output.records] == ["", "late", "late"]


def test_a_record_from_elsewhere_keeps_its_ids(log, output):
    """What a queue or another process hands on belongs to the call that wrote it."""
    waiting = queue.SimpleQueue()
    forward = logging.getLogger("queued")
    forward.propagate = False
    sender = logging.handlers.QueueHandler(waiting)
    sender.addFilter(CallIds())
    forward.addHandler(sender)
    forward.setLevel("DEBUG")

    @task
    def writes():
        forward.info("from here")
        return current_call().id

    @task
    def hands_on():
        current_call().attempt = 2
        log.handle(waiting.get())

    try:
        with Session(Logs(), inherit=False):
            written = writes()
            hands_on()
    finally:
        forward.removeHandler(sender)
    assert (output.records[0].pegboard_call_id, output.records[0].pegboard_attempt) == (written, 1)


def test_a_trace_id_of_the_caller_stays(log, output):
    """`extra` wins over what tracing knows."""

    @task
    def probe():
        log.info("inside", extra={"trace_id": "mine"})

    with Session(Logs(), Traced(), inherit=False):
        probe()
    assert output.records[0].trace_id == "mine"
    assert output.records[0].pegboard_task == "probe"


def test_the_filter_alone_works_in_any_configuration(log, root, make_output):
    """In a handler's own configuration it needs no plugin, so a format may name the ids everywhere."""
    handler = make_output("%(pegboard_task)s[%(pegboard_attempt)s] %(message)s")
    handler.addFilter(CallIds())
    root.addHandler(handler)

    @task
    def probe():
        log.info("inside")

    log.info("outside")
    with Session(inherit=False):
        probe()
    assert handler.lines == ["[] outside", "probe[1] inside"]


def test_a_hostile_name_is_escaped(log, output):
    """A task's name, which may come from a function made by others, cannot break a line."""

    def hostile():
        log.info("inside")

    hostile.__qualname__ = "x\n[ERROR] forged\x1b[31m\u2028"
    with Session(Logs(), inherit=False):
        task(hostile)()
    assert output.records[0].pegboard_task == "x\\n[ERROR] forged\\x1b[31m\\u2028"
