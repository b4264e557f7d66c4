"""The table at the end: what is counted, and where it stops growing."""

from __future__ import annotations

import pytest

from pegboard import Layer, Order, Outcome, Session, hookimpl, task
from pegboard_console import Console
from pegboard_console._summary import OTHERS, TASKS_MOST, Summary


@pytest.fixture
def summed(out):
    """An open session that prints a summary only; and a way to read the rows once it is over."""
    session = Session(Console(out, force=True, tree=False), inherit=False, strict=True)

    def rows():
        header, *lines = [line.split() for line in out.getvalue().splitlines() if line.strip(" ─")]
        return {line[0]: dict(zip(header[1:], line[1:], strict=False)) for line in lines}

    with session:
        yield session, rows


def test_a_row_counts_the_ways_a_call_can_end(summed):
    """Calls are those that ended; `other` is there when something was cancelled or closed."""
    session, rows = summed

    @task
    def stream(x):
        if x < 0:
            raise ValueError
        yield x
        yield x

    stream.run(1)
    stream.run(-1)
    stream.run(-1)
    items = stream(1)
    next(items)
    items.close()
    session.unregister("console")
    row = rows()["stream"]
    assert [row[column] for column in ("calls", "ok", "errors", "other")] == ["4", "1", "2", "1"]


def test_without_others_there_is_no_such_column(summed):
    """A column of zeros says nothing."""
    session, rows = summed
    task(name="fine")(lambda: 1)()
    session.unregister("console")
    assert "other" not in rows()["fine"]


def test_hits_and_retries_are_counted_and_hits_take_no_time(summed):
    """A hit is a call, and neither in the quantiles nor in the total; a retry is no call."""
    session, rows = summed

    class Around:
        name = "around"

        @hookimpl
        def bind(self, session, task):
            async def run(call, proceed):
                if task.name == "stored":
                    call.source = "cache"
                    return 1
                call.emit("on_retry", 1, ValueError(), 0.0)
                return await proceed(call)

            return Layer("around", Order.RETRY, run=run)

    session.register(Around())
    task(name="stored")(lambda: 1)()
    task(name="retried")(lambda: 1)()
    session.unregister("console")
    found = rows()
    assert (found["stored"]["hits"], found["stored"]["p50"], found["retried"]["retries"]) == ("1", "-", "1")
    assert found["retried"]["hits"] == "0"


def test_a_session_without_calls_prints_nothing(out):
    """No table without rows."""
    with Session(Console(out, force=True), inherit=False):
        pass
    assert out.getvalue() == ""


def test_the_task_that_took_longest_is_first():
    """Rows are in the order of their total time."""
    summary = Summary()
    for name, seconds in (("short", 1.0), ("long", 5.0), ("middle", 2.0)):
        summary.task(name).add(Outcome("ok", "run", None, None, 1, seconds))
    assert [each.name for each in summary.called()] == ["long", "middle", "short"]


def test_beyond_500_tasks_the_rest_is_counted_together():
    """The table does not grow for ever, and no call is lost."""
    summary = Summary()
    for number in range(TASKS_MOST + 100):
        summary.task(f"task {number}").add(Outcome("ok", "run", None, None, 1, 1.0))
    rows = list(summary.called())
    assert len(rows) == TASKS_MOST + 1
    assert sum(row.calls for row in rows) == TASKS_MOST + 100
    assert next(row for row in rows if row.name == OTHERS).calls == 100


def test_names_share_a_row():
    """Two tasks of one name are one row."""
    summary = Summary()
    assert summary.task("same") is summary.task("same")
