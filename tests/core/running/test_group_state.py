"""`MapError`: all that failed in a group, told at once, next to all that did not."""

from __future__ import annotations

import asyncio
import pickle
from concurrent.futures import Executor

import pytest

from pegboard import MapError, PegboardError, Session, Suspended, task
from pegboard.testing import Recorder


@task(name="work")
def work(x: int) -> int:
    if x == 1:
        raise ValueError("one")
    if x == 3:
        raise LookupError("three")
    return x


@task(name="awork")
async def awork(x: int) -> int:
    return work(x)


def fail(probe=work) -> MapError:
    """Map four inputs of which two fail."""

    async def main() -> None:
        await probe.amap(range(4), on_error="aggregate")

    with pytest.raises(MapError) as caught:
        probe.map(range(4), on_error="aggregate") if probe is work else asyncio.run(main())
    return caught.value


@pytest.mark.parametrize("probe", [work, awork], ids=["map", "amap"])
def test_all_run_and_one_error_tells_of_all(probe) -> None:
    """Results and errors by position, the errors as they were raised, each with its position in a note."""
    recorder = Recorder()
    with Session(recorder):
        error = fail(probe)
    first, second = error.exceptions
    assert (type(first), type(second)) == (ValueError, LookupError)
    assert error.results == [0, first, 2, second]
    assert error.errors == {1: first, 3: second}
    assert "as item 3 of a map" in second.__notes__
    (after,) = recorder.of("after_group")
    assert (after.details["outcome"].error, after.subject.failed) == (error, 2)


def test_without_a_failure_it_is_a_list() -> None:
    """`aggregate` changes nothing then."""
    with Session():
        assert work.map([0, 2], on_error="aggregate") == [0, 2]


def test_it_is_an_error_of_pegboards_and_an_exception_group() -> None:
    """Both ways to catch it work, and a part knows what it is a part of."""
    error = fail()
    assert isinstance(error, PegboardError)
    assert isinstance(error, ExceptionGroup)
    caught: list[BaseException] = []
    try:
        raise error
    except* ValueError as part:
        caught.append(part)
    except* LookupError as part:
        caught.append(part)
    values, lookups = caught
    assert isinstance(values, MapError)
    assert isinstance(lookups, MapError)
    assert (sorted(values.errors), sorted(lookups.errors)) == ([1], [3])
    assert values.results == error.results


def test_its_text_counts_and_shows_no_values() -> None:
    """How many of how many, of what, and where to look; results stay private."""
    text = str(fail())
    assert text.startswith("2 of the 4 calls of map 'work' failed.")
    assert ".results" in text
    assert ".errors" in text


def test_it_survives_pickling_with_results_and_errors() -> None:
    """It can leave a worker."""
    again = pickle.loads(pickle.dumps(fail()))
    assert type(again) is MapError
    assert again.results == [0, again.errors[1], 2, again.errors[3]]
    assert again.exceptions == (again.errors[1], again.errors[3])


@pytest.mark.parametrize("exit_type", [KeyboardInterrupt, SystemExit])
def test_an_exit_is_not_aggregated(exit_type) -> None:
    """It stops the map, and leaves it as itself."""

    @task
    def leave(x: int) -> None:
        raise exit_type

    with Session(), pytest.raises(exit_type):
        leave.map([1, 2], on_error="aggregate")


class Full(Executor):
    """Has no room for anything."""

    runs_here = True
    workers = 4

    def submit(self, fn, /, *args, **kwargs):
        raise RuntimeError("can't start new thread")


@pytest.mark.parametrize("on_error", ["raise", "collect", "aggregate"])
def test_an_error_of_no_item_ends_the_group(on_error) -> None:
    """It has no place among the results, so it is raised, as itself, and the group has its end."""
    recorder = Recorder()
    with Session(recorder, executor=Full()), pytest.raises(RuntimeError, match="new thread"):
        work.map([0, 2], on_error=on_error)
    assert recorder.unbalanced() == []


@pytest.mark.parametrize("on_error", ["raise", "collect", "aggregate"])
@pytest.mark.parametrize("is_async", [False, True], ids=["map", "amap"])
def test_what_suspends_lets_the_others_go_on_to_their_end(is_async, on_error) -> None:
    """Then the map suspends, as the first of them did; nothing is cancelled for it."""
    ended = []

    def body(x: int) -> int:
        if x % 2:
            raise Suspended(f"item {x}")
        ended.append(x)
        return x

    @task
    async def abody(x: int) -> int:
        await asyncio.sleep(0)
        return body(x)

    async def main() -> None:
        await abody.amap(range(6), on_error=on_error)

    recorder = Recorder()
    with Session(recorder), pytest.raises(Suspended):
        asyncio.run(main()) if is_async else task(body).map(range(6), on_error=on_error)
    assert sorted(ended) == [0, 2, 4]
    (after,) = recorder.of("after_group")
    assert (after.details["outcome"].status, after.subject.failed) == ("suspended", 0)


def test_an_error_wins_over_a_suspension() -> None:
    """It stops the map and is raised."""

    @task
    def body(x: int) -> None:
        raise Suspended if x == 0 else KeyError(x)

    with Session(), pytest.raises(KeyError):
        body.map(range(2), concurrency=1)


def test_an_input_that_suspends_ends_the_map() -> None:
    """There are no further items to go on with."""

    def inputs():
        yield 0
        raise Suspended

    with Session(), pytest.raises(Suspended):
        work.map(inputs())
