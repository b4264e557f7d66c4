"""Stack traces of sensitive tasks are left out."""

from __future__ import annotations

import asyncio
import gc

import pytest

from pegboard import Session, task
from pegboard_logs import Logs

CANARY = "canary-3c1"


def fails():
    raise ValueError(CANARY)


async def fails_later():
    await asyncio.sleep(0)
    raise ValueError(CANARY)


def fails_in_stream():
    yield 1
    raise ValueError(CANARY)


async def fails_in_async_stream():
    yield 1
    raise ValueError(CANARY)


BODIES = [fails, fails_later, fails_in_stream, fails_in_async_stream]


@pytest.mark.parametrize("json", [False, True], ids=["text", "json"])
@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__name__)
def test_what_left_a_sensitive_task_is_known_wherever_it_is_logged(log, output, body, json):
    """Neither message nor stack trace, of all four kinds of task."""
    with Session(Logs(json=json), inherit=False):
        error = task(sensitive=True)(body).run().error
        log.error("failed", exc_info=error)
    assert CANARY not in output.text
    assert "ValueError" in output.text


@pytest.mark.parametrize("json", [False, True], ids=["text", "json"])
def test_the_same_task_that_is_not_sensitive_is_told_of(log, output, json):
    """The search can fail."""
    with Session(Logs(json=json), inherit=False):
        error = task(fails).run().error
        log.error("failed", exc_info=error)
    assert CANARY in output.text
    assert "in fails" in output.text


def raise_from(error):
    raise LookupError("outer") from error


def raise_meanwhile(error):
    try:
        raise error
    finally:
        raise LookupError("outer")


def raise_group(error):
    raise ExceptionGroup("outer", [KeyError("harmless"), ExceptionGroup("more", [error])])


@pytest.mark.parametrize("wrap", [raise_from, raise_meanwhile, raise_group], ids=lambda wrap: wrap.__name__)
def test_as_a_cause_it_is_left_out_too(log, output, wrap):
    """A traceback shows causes, contexts and groups in full."""
    with Session(Logs(), inherit=False):
        error = task(sensitive=True)(fails).run().error
        try:
            wrap(error)
        except Exception:
            log.exception("failed")
    assert CANARY not in output.text
    assert "left out" in output.text


def test_inside_a_sensitive_task_and_below_it(log, output):
    """What it logs itself, and what it calls does, has no traceback; the message is its author's own."""

    @task
    def below():
        try:
            fails()
        except ValueError:
            log.exception("below")

    @task(sensitive=True)
    def outer():
        below()
        try:
            fails()
        except ValueError:
            log.exception("inside")

    with Session(Logs(), inherit=False):
        outer()
    shown = "ValueError (message and stack trace left out: a sensitive task)"
    assert output.lines == ["ERROR app below", shown, "ERROR app inside", shown]


def test_a_circle_of_causes_ends(log, output):
    """Errors may be each other's context."""
    first, second = ValueError(1), ValueError(2)
    first.__cause__, second.__cause__ = second, first
    with Session(Logs(json=True), inherit=False):
        log.error("failed", exc_info=first)
    assert output.events()[0]["exception"]["message"] == "1"


@pytest.mark.parametrize("is_sensitive", [True, False], ids=["sensitive", "plain"])
@pytest.mark.parametrize("json", [False, True], ids=["text", "json"])
def test_what_asyncio_says_of_an_exception_that_nobody_retrieved(output, json, is_sensitive):
    """It writes the exception into its message, too; the search can fail."""

    async def main():
        lost = asyncio.create_task(task(sensitive=is_sensitive)(fails_later)())
        await asyncio.wait([lost])
        del lost
        gc.collect()

    with Session(Logs(json=json), inherit=False):
        asyncio.run(main())
    assert "never retrieved" in output.text
    assert "exception=ValueError(" in output.text
    assert (CANARY in output.text) is not is_sensitive
