"""Starts and ends that fail."""

from __future__ import annotations

import pytest
from session_plugins import Living, function, living

from pegboard import Session, current_session


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt], ids=lambda error: error.__name__)
def test_a_failing_start_is_undone(error: type[BaseException]) -> None:
    """What had started is ended in reverse, the error is raised, and the session is not current."""
    log: list[str] = []
    plugins = [*living("ab", log), Living("c", log, "start", error), *living("d", log)]
    session = Session(*plugins)
    with pytest.raises(error, match="start of c"):
        session.__enter__()
    assert log == ["start a", "start b", "start c", "end b", "end a"]
    assert current_session() is None
    assert session.is_open is False


def test_an_error_while_undoing_a_start_is_a_note() -> None:
    """The first error is the one to know; the others are noted on it."""
    log: list[str] = []
    with (
        pytest.raises(ValueError, match="start of b") as caught,
        Session(*living("ab", log, a="end", b="start")),
    ):
        pass
    assert caught.value.__notes__ == ["and while undoing the start: ValueError: end of a"]


def test_a_session_that_failed_to_start_can_be_tried_again() -> None:
    """A failed start leaves it as new."""
    log: list[str] = []
    [plugin] = living("a", log, a="start")
    session = Session(plugin)
    with pytest.raises(ValueError, match="start of a"):
        session.__enter__()
    plugin.fail = ""
    with session:
        assert function(1) == 1
    assert log == ["start a", "start a", "end a"]


@pytest.mark.parametrize("failing", ["a", "b", "c", "ac", "abc"])
def test_all_ends_run_and_their_errors_are_raised_together(failing: str) -> None:
    """A failing end does not stop the others; an ExceptionGroup holds what failed."""
    log: list[str] = []
    with (
        pytest.raises(ExceptionGroup, match="plugins failed at the end") as caught,
        Session(*living("abc", log, **dict.fromkeys(failing, "end"))),
    ):
        pass
    assert log[3:] == ["end c", "end b", "end a"]
    assert [str(error) for error in caught.value.exceptions] == [
        f"end of {name}" for name in reversed(failing)
    ]
    assert current_session() is None


def test_an_error_of_the_body_is_not_replaced_by_one_at_the_end() -> None:
    """It leaves the session, with the errors of the ends as notes."""
    body = KeyError("body")
    with pytest.raises(KeyError) as caught, Session(*living("a", [], a="end")):
        raise body
    assert caught.value is body
    assert body.__notes__ == ["and at the end of the session: ValueError: end of a"]


def test_a_keyboard_interrupt_at_the_end_goes_on_after_the_other_ends() -> None:
    """Ctrl-C is not put into a group."""
    log: list[str] = []
    plugins = [*living("a", log), Living("b", log, "end", KeyboardInterrupt)]
    with pytest.raises(KeyboardInterrupt), Session(*plugins):
        pass
    assert log[2:] == ["end b", "end a"]
