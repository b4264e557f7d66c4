"""progress(): saying how far a task is, to whoever listens."""

from __future__ import annotations

import pytest

from pegboard import Session, current_call, hookimpl, task
from pegboard_progress import Progress, progress


class Listener:
    """Keeps what tasks say."""

    name = "listener"

    def __init__(self):
        self.told = []

    @hookimpl(optionalhook=True)
    def on_progress(self, call, done, total):
        self.told.append((call.task.name, done, total))


@task
def load():
    progress(1, 4)
    progress(2.5)
    return "loaded"


def test_outside_a_call_it_does_nothing():
    """There is nothing to say it of (row 79)."""
    assert progress(1, 2) is None


def test_where_nobody_listens_it_does_nothing():
    """A task may call it whether or not the plugin is attached (row 79)."""
    with Session(inherit=False, strict=True):
        assert load() == "loaded"


def test_any_plugin_may_listen(out):
    """The event is a hook spec like any other."""
    listener = Listener()
    with Session(Progress(out), listener, inherit=False, strict=True):
        load()
    assert listener.told == [("load", 1, 4), ("load", 2.5, None)]


def test_a_coroutine_and_a_stream_may_say_it_too(out):
    """All four kinds of task have a call to say it of."""
    listener = Listener()

    @task
    async def later():
        progress(1, 2)

    @task
    def rows():
        progress(1, 2)
        yield 1

    @task
    async def rows_later():
        progress(1, 2)
        yield 1

    with Session(Progress(out), listener, inherit=False, strict=True):
        for each in (later, rows, rows_later):
            assert each.run().status == "ok"
    assert [name for name, _, _ in listener.told] == ["later", "rows", "rows_later"]


def test_what_a_task_emits_itself_is_checked_too(out):
    """A wrong number is an error of the observer, which changes nothing."""

    @task
    def wrong():
        current_call().emit("on_progress", "much", None)
        return 1

    with Session(Progress(out, after=0), inherit=False) as session:
        assert wrong() == 1
        assert session.observer_errors == {("progress", "on_progress"): 1}
    assert "much" not in out.getvalue()


@pytest.mark.parametrize("value", ["1", None, True, 1j])
def test_what_is_no_number_is_refused(value):
    """A wrong argument is refused whether or not anybody listens, and not shown."""
    with pytest.raises(TypeError, match="done is a finite number"):
        progress(value)


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf")])
def test_what_counts_nothing_is_refused(value):
    """Less than nothing, or without end, is no progress."""
    with pytest.raises(ValueError):
        progress(1, value)
