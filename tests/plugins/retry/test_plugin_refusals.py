"""Functions that could never say whether to retry, or how long to wait."""

from __future__ import annotations

import pytest
import tenacity

from pegboard import BindError, Retry, Session, task


async def later(_):
    return 1


@pytest.mark.parametrize(
    ("option", "needs"),
    [
        (Retry(wait=lambda: 1), "retry_state"),
        (Retry(wait=lambda a, b: 1), "retry_state"),
        (Retry(wait=later), "retry_state"),
        (Retry(on=lambda: True), "error"),
        (Retry(on=lambda error, attempt: True), "error"),
        (Retry(unless=lambda *, error: True), "error"),
        (Retry(on=later), "error"),
    ],
    ids=[
        "wait of nothing",
        "wait of two",
        "async wait",
        "on of nothing",
        "on of two",
        "unless by name",
        "async on",
    ],
)
@pytest.mark.parametrize("is_default", [False, True], ids=["own", "default of the session"])
def test_a_function_that_could_never_answer_is_refused_at_bind(option, needs, is_default) -> None:
    """With the signature that it needs; the task does not run."""
    ran = []
    probe = task(*([] if is_default else [option]))(lambda: ran.append(1))
    with (
        Session(defaults=[option] if is_default else []),
        pytest.raises(BindError, match=rf"signature \({needs}\)") as caught,
    ):
        probe()
    assert (caught.value.plugin, ran) == ("retry", [])


def test_a_function_that_could_never_resume_is_refused_at_bind() -> None:
    """It gets the last item and the number of items."""

    @task(Retry(resume_from=lambda item: {"start": item}))
    def numbers(start=0):
        yield start

    with Session(), pytest.raises(BindError, match=r"signature \(item, number\)"):
        list(numbers())


@pytest.mark.parametrize(
    "option",
    [
        Retry(1, wait=tenacity.wait_fixed(0)),
        Retry(1, wait=lambda state: 0),
        Retry(1, on=lambda *errors: True),
        Retry(1, on=callable),
        Retry(1, unless=lambda error, more=1: False),
    ],
    ids=["tenacity", "function", "any", "in C", "default"],
)
def test_what_can_answer_is_taken(option) -> None:
    """Functions, objects of tenacity, and what is written in C."""
    with Session():
        assert task(option)(lambda: 1)() == 1
