"""Checks among other policies: what is retried, what is cached, and in which order."""

from __future__ import annotations

import asyncio

import pytest
from pydantic import BaseModel

from pegboard import Cache, Caching, Datasets, Load, Persist, Retry, Session, current_call, task
from pegboard.testing import FakeClock, Recorder
from pegboard_validate import InvalidInput, InvalidOutput, Validate, pydantic_task


class Item(BaseModel):
    name: str


@pytest.fixture(params=["sync", "async"])
def colour(request):
    """Turn a function into a function or coroutine function with the same annotations."""

    def paint(body):
        async def later(*args, **kwargs):
            await asyncio.sleep(0)
            return body(*args, **kwargs)

        later.__wrapped__ = body
        return later if request.param == "async" else body

    return paint


@pytest.fixture
def recorder():
    return Recorder()


@pytest.fixture
def session(recorder):
    with Session(recorder, FakeClock(), strict=True, inherit=False) as opened:
        yield opened


def answers(*texts):
    """Answer each attempt with the next of some texts."""

    def body():
        return texts[current_call().attempt - 1]

    return body


def test_a_failed_result_is_a_failed_attempt(session, recorder, colour):
    """A result that does not fit is retried, and one that fits ends the retries."""
    probe = pydantic_task(Item, Retry(3, wait=0.5))(colour(answers("no idea", "{}", '{"name": "peg"}')))
    assert probe.run().unwrap() == Item(name="peg")
    assert recorder.log() == [
        "before_execute",
        "before_attempt 1",
        "after_attempt 1",
        "on_retry 1 InvalidOutput 0.5",
        "before_attempt 2",
        "after_attempt 2",
        "on_retry 2 InvalidOutput 0.5",
        "before_attempt 3",
        "after_attempt 3",
        "after_execute ok/run 3",
    ]


def test_retries_end_with_the_last_failure(session, colour):
    """When no attempt fits, the last failure leaves."""
    result = pydantic_task(Item, Retry(1))(colour(answers("{}", '{"name": 3}'))).run()
    assert result.attempts == 2
    assert result.error.errors == (("name", "string_type"),)


def test_a_wrong_argument_is_not_retried(session, recorder, colour):
    """Arguments are checked before the first attempt, and trying again cannot mend them."""

    def work(count: int):
        return count

    result = task(Retry(3), Validate(inputs=True))(colour(work)).run("x")
    assert type(result.error) is InvalidInput
    assert result.attempts == 0
    assert recorder.log() == ["before_execute", "on_error InvalidInput", "after_execute error/run 0"]


def test_every_attempt_gets_the_same_arguments(session, colour):
    """Arguments are coerced once; attempts share them."""
    seen = []

    def work(numbers: list[int]):
        seen.append(numbers)
        raise OSError

    task(Retry(2), Validate(inputs=True))(colour(work)).run(["1", 2])
    assert seen == [[1, 2]] * 3
    assert seen[0] is seen[1] is seen[2]


def test_a_failed_result_is_not_cached(session, recorder, colour):
    """An error is not stored, and what is stored is the checked value."""
    session.register(Caching())
    runs = iter(["{}", '{"name": "peg"}', "never asked for"])
    probe = pydantic_task(Item, Cache())(colour(lambda: next(runs)))
    assert type(probe.run().error) is InvalidOutput
    assert [probe.run().value for _ in range(2)] == [Item(name="peg")] * 2
    assert len(recorder.of("on_cache_hit")) == 1


def test_a_stream_is_retried_while_nothing_came(session):
    """A stream whose first item does not fit starts again; after an item has arrived, the error leaves."""
    attempts = []

    @task(Retry(2), Validate(output=int))
    def work(first_wrong):
        attempts.append(current_call().attempt)
        yield "x" if first_wrong and len(attempts) < 2 else 1
        yield "x"

    result = work.run(True)
    assert attempts == [1, 2]
    assert "at index 1" in str(result.error)


@pytest.mark.parametrize("as_keyword", [False, True], ids=["position", "name"])
def test_a_reference_is_left_to_who_loads_it(tmp_path, as_keyword: bool) -> None:
    """`Load` comes after the check of inputs: the reference passes, and the function gets the value."""

    @task(Persist())
    def made() -> list[int]:
        return [1, 2, 3]

    @task(Load(), Validate(inputs=True))
    def total(numbers: list[int], factor: int) -> int:
        return sum(numbers) * factor

    with Session(Datasets(tmp_path)):
        reference = made()
        assert (total(numbers=reference, factor=2) if as_keyword else total(reference, 2)) == 12
        assert isinstance(total.run(reference, "x").error, InvalidInput)
