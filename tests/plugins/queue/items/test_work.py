"""Tasks written as classes."""

from __future__ import annotations

import pytest

from pegboard_queue import (
    Work,
)


def test_a_class_with_execute_is_a_task(manager) -> None:
    """With a name, options and state of its own; sync or async."""

    class Report(Work):
        def __init__(self, day: str) -> None:
            self.day = day

        def execute(self, suffix: str = "") -> str:
            return self.day + suffix

    class Fetch(Report):
        name = "fetch"

        async def execute(self) -> str:
            return "fetched " + self.day

    item = manager.submit(Report("monday"), ("!",))
    assert (item.wait(5), item.name) == ("monday!", "Report")
    assert manager.submit(Fetch("tuesday")).wait(5) == "fetched tuesday"
    assert manager.get("fetch").task.kind == "coroutine"
    assert Report("monday")() == "monday"


def test_a_class_without_execute_cannot_be_made() -> None:
    """The error names what is missing."""

    class Nothing(Work):
        pass

    with pytest.raises(TypeError, match="execute"):
        Nothing()
