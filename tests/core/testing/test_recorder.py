"""The plugins that record and that fail."""

from __future__ import annotations

import pytest

from pegboard import Session, task
from pegboard.testing import FaultyPlugin, Recorder


def test_the_recorder_keeps_events_in_order_and_by_task() -> None:
    """`log` gives them in short, `of` by hook, `unbalanced` what lacks an end."""

    @task(name="one")
    def one() -> None: ...

    @task(name="two")
    def two() -> None:
        one()

    recorder = Recorder()
    with Session(recorder):
        two()
    assert recorder.log("one") == [
        "before_execute",
        "before_attempt 1",
        "after_attempt 1",
        "after_execute ok/run 1",
    ]
    assert [event.task for event in recorder.of("before_execute")] == ["two", "one"]
    assert recorder.unbalanced() == []
    del recorder.events[-1]
    assert [call.task.name for call in recorder.unbalanced()] == ["two"]
    recorder.clear()
    assert recorder.events == []


@pytest.mark.parametrize("error", [ValueError, GeneratorExit(3)])
def test_the_faulty_plugin_fails_where_it_is_told_to(error) -> None:
    """A class or an instance, in all observers or in those named."""

    @task
    def work() -> int:
        return 1

    with Session(FaultyPlugin(error, hooks=["before_attempt"], name="mine")) as session:
        assert work() == 1
        assert session.observer_errors == {("mine", "before_attempt"): 1}
