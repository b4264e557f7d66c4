"""What a task may ask for, and the budget that several share."""

from __future__ import annotations

import asyncio
import threading

import pytest

from pegboard import Backoff, Retry, Session, task
from pegboard.testing import FakeClock
from pegboard_retry import RetryBudget


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: Retry(-1), ValueError),
        (lambda: Retry("3"), TypeError),
        (lambda: Retry(True), TypeError),
        (lambda: Retry(1.5), TypeError),
        (lambda: Retry(times=3), TypeError),
        (lambda: Retry(3, 1.0), TypeError),
        (lambda: Retry(wait=-1), ValueError),
        (lambda: Retry(wait=float("nan")), ValueError),
        (lambda: Retry(wait=Backoff), TypeError),
        (lambda: Retry(wait="1"), TypeError),
        (lambda: Retry(on="OSError"), TypeError),
        (lambda: Retry(on=[OSError]), TypeError),
        (lambda: Retry(on=KeyboardInterrupt), ValueError),
        (lambda: Retry(on=(OSError, asyncio.CancelledError)), ValueError),
        (lambda: Retry(unless=int), TypeError),
        (lambda: task(Retry), TypeError),
        (lambda: task(3), TypeError),
    ],
)
def test_a_bad_option_is_refused_where_it_is_written(make, error: type[Exception]) -> None:
    """Nothing waits for the first failure to be found wrong."""
    with pytest.raises(error):
        make()


def test_forgotten_parentheses_are_said() -> None:
    """`@task(Retry)` asks whether the parentheses were forgotten."""
    with pytest.raises(TypeError, match="forget the parentheses"):
        task(Retry)


def test_options_are_values() -> None:
    """Equal options are equal, and cannot be changed."""
    assert Retry(2, on=OSError) == Retry(2, on=OSError)
    with pytest.raises(AttributeError):
        Retry(2).retries = 3


def counted(budget: RetryBudget, *, is_async: bool, retries: int = 3):
    """Make a task that fails as often as it is told to, and the list of its runs."""
    runs: list[int] = []

    def body(failures: int) -> None:
        runs.append(failures)
        if len(runs) <= failures:
            raise OSError

    async def abody(failures: int) -> None:
        await asyncio.sleep(0)
        body(failures)

    return task(Retry(retries, budget=budget))(abody if is_async else body), runs


both = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])


@both
def test_tasks_share_the_budget(is_async: bool) -> None:
    """What one uses up, the other does not have; with none left the error leaves after one run."""
    budget = RetryBudget(4)
    one, its_runs = counted(budget, is_async=is_async)
    other, other_runs = counted(budget, is_async=is_async)
    third, third_runs = counted(budget, is_async=is_async)
    with Session():
        for probe in (one, other, third):
            assert isinstance(probe.run(99).error, OSError)
    assert [len(runs) for runs in (its_runs, other_runs, third_runs)] == [4, 2, 1]
    assert budget.left == 0


@both
def test_successes_fill_it_up_again(is_async: bool) -> None:
    """Each gives its ratio back, and never more than the budget held at first."""
    budget = RetryBudget(2, ratio=0.5)
    failing, _ = counted(budget, is_async=is_async)
    fine, _ = counted(budget, is_async=is_async)
    with Session():
        failing.run(99)
        assert budget.left == 0
        left = []
        for _ in range(6):
            fine.run(0)
            left.append(budget.left)
    assert left == [0.5, 1, 1.5, 2, 2, 2]


@pytest.mark.parametrize("fails", [True, False])
def test_streams_use_it_too(fails: bool) -> None:
    """A retry of a stream takes one, a stream that ends gives its share back."""
    budget = RetryBudget(2)

    @task(Retry(5, budget=budget))
    def items():
        if fails:
            raise OSError
        yield 1

    with Session():
        items.run()
    assert budget.left == (0 if fails else 2)


def test_it_may_have_a_limit_of_time_too() -> None:
    """`seconds` is the budget of each call."""
    clock = FakeClock()
    probe, runs = counted(RetryBudget(100, seconds=5), is_async=False, retries=50)
    with Session(clock):
        probe.with_options(Retry(50, wait=2, budget=RetryBudget(100, seconds=5))).run(99)
    assert len(runs) == 3


def test_threads_take_no_more_than_there_is() -> None:
    """Eight threads ask for a thousand each: the budget is given out exactly once."""
    budget = RetryBudget(1000)
    taken: list[int] = []

    def take() -> None:
        taken.append(sum(budget.take() for _ in range(1000)))

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(taken) == 1000


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: RetryBudget(0), ValueError),
        (lambda: RetryBudget(1.5), TypeError),
        (lambda: RetryBudget(ratio=2), ValueError),
        (lambda: RetryBudget(ratio=-0.1), ValueError),
        (lambda: RetryBudget(seconds=-1), ValueError),
        (lambda: Retry(budget=-1), ValueError),
        (lambda: Retry(budget="1"), TypeError),
    ],
)
def test_a_bad_budget_is_refused_where_it_is_written(make, error: type[Exception]) -> None:
    """Nothing waits for the first failure to be found wrong."""
    with pytest.raises(error):
        make()
