"""Recovered values among the other plugins."""

from __future__ import annotations

import pytest

from pegboard import Cache, Fallback, Handle, NeedsSecrets, Retry, Secrets, Session, Validate, task

ERROR = OSError("disk")


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize(
    "make", [Fallback, lambda value: Handle(OSError, lambda error: value)], ids=["fallback", "handler"]
)
def test_a_recovered_value_is_validated_where_the_output_is(make, is_async) -> None:
    """One that does not fit counts as no value: the task's own error leaves, with a note; one that does may be coerced."""

    def plain():
        raise ERROR

    async def coroutine():
        raise ERROR

    def made(value):
        return task(make(value), Validate(output=int))(coroutine if is_async else plain)

    with Session():
        assert made("7").run().unwrap() == 7
        error = made("many").run().error
    assert error is ERROR
    assert "InvalidOutput" in error.__notes__[-2] or "InvalidOutput" in "".join(error.__notes__)


def test_the_next_one_is_asked_where_a_value_does_not_fit() -> None:
    """As where a handler raises."""

    @task(Handle(OSError, lambda error: "many"), Fallback(3), Validate(output={"type": "integer"}))
    def fails():
        raise ERROR

    with Session():
        assert fails() == 3


def test_handlers_get_no_secrets_and_no_defaults():
    """What another plugin fills in is not the caller's, whatever else is around the task."""

    @task(NeedsSecrets("HOME"), Retry(1), Cache(), Fallback(lambda *args, **kwargs: (args, kwargs)))
    def fails(day, unit="EUR", *, secrets):
        raise ERROR

    with Session(Secrets()):
        assert fails("monday") == (("monday",), {})
        assert fails(day="monday") == ((), {"day": "monday"})
