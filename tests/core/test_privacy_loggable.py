"""Errors as log records may show them, and the secrets that the process knows."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from pegboard import Secret, Session, current_call, hookimpl, task
from pegboard.parts import Background, Periodic
from pegboard.privacy import KNOWN, is_sensitive, loggable

CANARY = "canary-e40d19"


@pytest.fixture(autouse=True)
def nothing_is_known() -> Iterator[None]:
    """Have each test begin, and end, without secrets."""
    KNOWN.forget()
    yield
    KNOWN.forget()


def raised(text: str = CANARY) -> ValueError:
    return ValueError(text)


def test_an_error_is_shown_unless_there_is_a_reason() -> None:
    """Itself."""
    error = raised()
    assert loggable(error) is error


@pytest.mark.parametrize("text", [CANARY, f"a {CANARY} in it", repr(CANARY)])
def test_an_error_that_shows_a_known_secret_is_not_shown(text: str) -> None:
    """Also once the session that was told of it is over."""
    with Session() as session:
        session.masks.add(CANARY)
    assert loggable(raised(text)) is None


def test_an_error_of_another_text_is_shown() -> None:
    """Of a process that knows secrets."""
    with Session() as session:
        session.masks.add(CANARY)
    assert loggable(raised("other")) is not None


def test_a_broken_str_is_no_obstacle() -> None:
    """Anybody's error may be asked for its text."""

    class BrokenError(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    with Session() as session:
        session.masks.add(CANARY)
    error = BrokenError()
    error.__notes__ = 7  # type: ignore[assignment]
    assert loggable(error) is error


def test_the_last_thousand_secrets_are_known() -> None:
    """A server that has one for each request does not grow by them."""
    for secret in (CANARY, *(f"secret-{number:04}" for number in range(1_000))):
        KNOWN.add(secret)
    assert not KNOWN.found_in(CANARY)
    assert KNOWN.mask("secret-0000 and secret-0999") == "*** and ***"


@pytest.mark.parametrize("how", ["position", "keyword", "around"])
def test_an_error_that_shows_a_secret_argument_is_sensitive(how: str) -> None:
    """Inside the call and after it, whoever asks; with another text it is not."""
    seen = []

    @task
    def inner(key: Secret[str] | None, text: str) -> None:
        seen.append(is_sensitive(ValueError(text)))
        raise ValueError(text)

    @task
    def outer(key: Secret[str], text: str) -> None:
        inner(None, text)

    def run(text: str) -> bool:
        if how == "around":
            error = outer.run(Secret(CANARY), text).error
        elif how == "keyword":
            error = inner.run(key=Secret(CANARY), text=text).error
        else:
            error = inner.run(Secret(CANARY), text).error
        return is_sensitive(error)

    with Session():
        assert (run(f"no {CANARY}"), run("other")) == (True, False)
    assert seen == [True, False]


def test_the_log_of_a_failing_observer_leaves_a_secret_out(caplog: pytest.LogCaptureFixture) -> None:
    """Whether the session knows it or the call was handed it."""

    class Failing:
        name = "failing"

        @hookimpl
        def before_execute(self, call):  # type: ignore[no-untyped-def]
            raise ValueError(call.args[0].reveal())

    @task
    def probe(key: Secret[str]) -> None:
        assert current_call() is not None

    with Session(Failing(), inherit=False):
        probe(Secret(CANARY))
    assert "plugin failing failed in before_execute with ValueError" in caplog.text
    assert CANARY not in caplog.text


@pytest.mark.parametrize("is_known", [True, False], ids=["known", "unknown"])
@pytest.mark.parametrize("part", ["Background", "Periodic"])
def test_threads_of_plugins_leave_it_out(part: str, is_known: bool, caplog: pytest.LogCaptureFixture) -> None:
    """In what they log of an error, which has no session; the search can fail."""
    caplog.set_level(logging.WARNING, "pegboard.parts")
    if is_known:
        KNOWN.add(CANARY)

    def fail(*_: object) -> None:
        raise ValueError(CANARY)

    if part == "Background":
        background: Background[int] = Background("probe", fail)
        background.put(1)
        background.end(10)
    else:
        periodic = Periodic("probe", fail, 0.001)
        periodic.start()
        periodic.begin_call()(10)
        periodic.stop(10)
    assert "ValueError" in caplog.text or "failed" in caplog.text
    assert (CANARY in caplog.text) is not is_known


@pytest.mark.parametrize("is_sensitive", [True, False], ids=["sensitive", "plain"])
def test_a_note_of_what_failed_at_the_end_of_a_session_leaves_it_out(is_sensitive: bool) -> None:
    """The error that it is on may be anybody's; the search can fail."""

    @task(sensitive=is_sensitive)
    def numbers() -> Iterator[int]:
        try:
            yield 1
        finally:
            raise ValueError(CANARY)

    with pytest.raises(LookupError) as caught, Session(inherit=False):
        stream = numbers()
        next(stream)
        raise LookupError
    notes = "".join(caught.value.__notes__)
    assert "at the end of the session: ValueError" in notes
    assert (CANARY in notes) is not is_sensitive
