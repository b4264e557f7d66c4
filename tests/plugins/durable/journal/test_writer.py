"""Writing for coroutines."""

from __future__ import annotations

import asyncio
import os
import threading

import pytest
from sqlalchemy import event
from sqlalchemy.pool import Pool

from pegboard_durable import Fenced, Status
from pegboard_durable._records import Claim, RunRow, Step
from pegboard_durable.journal.journal import Append, Journal
from pegboard_durable.journal.writer import Writer

CLAIM = Claim("r", "me", 1)


def step(key):
    return Step(key, "step", "ok", "d", b"v", 1, "1", "f", 1.0, 0.1)


@pytest.fixture
def commits():
    """The statements that end a transaction, as they come."""
    seen = []

    def listen(connection, _):
        connection.set_trace_callback(lambda each: seen.append(each) if each == "COMMIT" else None)

    event.listen(Pool, "connect", listen)
    yield seen
    event.remove(Pool, "connect", listen)


@pytest.fixture
def opened(journal):
    """A journal with a run of this owner, and its writer."""
    made = Journal(journal)
    row = RunRow(
        "r", "t", b"input", "digest", "print", Status.RUNNING, 1.0, 1.0, owner="me", epoch=1, lease=30.0
    )
    made.create(row, "me")
    writer = Writer(made)
    yield made, writer
    writer.end()
    made.close()


async def together(writer, *wanted):
    """Have several wait for the thread, which is busy, and return what each gets."""
    held = threading.Event()
    first = asyncio.ensure_future(writer.run(held.wait, 10))
    waiting = asyncio.gather(*(writer.append(each) for each in wanted), return_exceptions=True)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    held.set()
    await first
    return await waiting


def test_what_waits_goes_into_one_commit(commits, opened):
    """Each coroutine gets its own answer; that of a run that was taken over is Fenced, and the others have theirs."""
    journal, writer = opened
    theirs = Append(CLAIM._replace(owner="you"), [step("theirs")])
    mine = [Append(CLAIM, [step(f"k{n}")]) for n in range(40)]
    commits.clear()
    answers = asyncio.run(together(writer, *mine, theirs))
    assert commits == ["COMMIT"]
    assert answers[:40] == [None] * 40
    assert isinstance(answers[40], Fenced)
    assert set(journal.steps("r")) == {f"k{n}" for n in range(40)}


def test_what_cannot_be_written_keeps_nothing_of_others_back(opened):
    """It alone gets the error."""
    journal, writer = opened
    good, bad = Append(CLAIM, [step("good")]), Append(CLAIM, [step("\ud800")])
    answers = asyncio.run(together(writer, good, bad))
    assert [type(each) for each in answers] == [type(None), UnicodeEncodeError]
    assert list(journal.steps("r")) == ["good"]


def test_a_coroutine_that_is_cancelled_leaves_its_rows_to_be_written(opened):
    """Nobody waits for them any more."""
    journal, writer = opened

    async def main():
        held = threading.Event()
        first = asyncio.ensure_future(writer.run(held.wait, 10))
        waiting = asyncio.ensure_future(writer.append(Append(CLAIM, [step("a")])))
        await asyncio.sleep(0)
        waiting.cancel()
        held.set()
        await first
        await writer.run(int)

    asyncio.run(main())
    assert list(journal.steps("r")) == ["a"]


def test_a_loop_that_ends_leaves_what_it_asked_for(opened):
    """The thread goes on for others."""
    journal, writer = opened
    loop = asyncio.new_event_loop()
    held = threading.Event()

    async def ask():
        waiting = [asyncio.ensure_future(writer.run(held.wait, 10))]
        waiting.append(asyncio.ensure_future(writer.append(Append(CLAIM, [step("a")]))))
        await asyncio.sleep(0)
        for each in waiting:
            each.cancel()

    loop.run_until_complete(ask())
    loop.close()
    held.set()
    asyncio.run(writer.append(Append(CLAIM, [step("b")])))
    assert set(journal.steps("r")) == {"a", "b"}


def test_the_end_waits_for_what_was_asked_for_and_a_later_use_begins_anew(opened):
    """Also for what was to come later."""
    _, writer = opened
    done = []
    writer.later("a", 60.0, lambda: done.append("a"))
    writer.later("a", 0.0, lambda: done.append("again"))
    writer.end()
    assert done == ["a"]
    assert asyncio.run(writer.run(len, "abc")) == 3
    writer.end()
    writer.end()


def test_something_is_done_when_it_is_due(opened):
    """Though nobody asks for anything else."""
    _, writer = opened
    due = threading.Event()
    writer.later("a", 0.02, due.set)
    assert due.wait(20)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_has_a_thread_of_its_own(opened):
    """The parent's goes on."""
    _, writer = opened
    asyncio.run(writer.run(int))
    child = os.fork()
    if not child:
        os._exit(asyncio.run(writer.run(len, "abc")))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
    assert asyncio.run(writer.run(len, "ab")) == 2


def test_an_error_of_a_function_is_that_of_whoever_waits(opened):
    """Whatever kind it is."""
    _, writer = opened
    with pytest.raises(ZeroDivisionError):
        asyncio.run(writer.run(divmod, 1, 0))
