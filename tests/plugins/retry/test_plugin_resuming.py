"""A stream that failed, and goes on after the items it has yielded."""

from __future__ import annotations

import asyncio

import pytest

from pegboard import InvalidTask, Layer, Order, Retry, Session, current_call, hookimpl, task
from pegboard.testing import Recorder

ITEMS = list("abcdef")


def failing_after(each: int, *options: Retry, is_async: bool, started: list):
    """Make a stream of six items from an offset on, that fails after every `each` of them."""

    def rows(offset: int = 0, *, step: int = 1):
        started.append(offset)
        for number, item in enumerate(ITEMS[offset::step]):
            if number == each:
                raise OSError(f"at {offset + number}")
            yield item

    async def arows(offset: int = 0, *, step: int = 1):
        for item in rows(offset, step=step):
            await asyncio.sleep(0)
            yield item

    return task(*options)(arows if is_async else rows)


both = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])


@both
def test_a_parameter_gets_the_number_of_items(is_async: bool) -> None:
    """Every item arrives once, in order, whatever the number of failures."""
    started: list[int] = []
    probe = failing_after(2, Retry(5, resume_from="offset"), is_async=is_async, started=started)
    with Session():
        assert probe.run().unwrap() == ITEMS
    assert started == [0, 2, 4]


@both
def test_the_number_is_added_to_what_the_caller_gave(is_async: bool) -> None:
    """An offset of 1 goes on at 3."""
    started: list[int] = []
    probe = failing_after(2, Retry(5, resume_from="offset"), is_async=is_async, started=started)
    with Session():
        assert probe.run(1).unwrap() == ITEMS[1:]
    assert started == [1, 3, 5]


@both
def test_a_function_says_what_to_change(is_async: bool) -> None:
    """It is told the last item and how many there were."""
    asked = []

    def after(last: str, count: int) -> dict[str, int]:
        asked.append((last, count))
        return {"offset": ITEMS.index(last) + 1}

    probe = failing_after(3, Retry(5, resume_from=after), is_async=is_async, started=[])
    with Session():
        assert probe.run().unwrap() == ITEMS
    assert asked == [("c", 3)]


@both
def test_without_it_a_stream_that_has_yielded_is_not_retried(is_async: bool) -> None:
    """The items so far arrive, then the error; before the first item it is started again."""
    recorder = Recorder()
    with Session(recorder):
        result = failing_after(2, Retry(5), is_async=is_async, started=[]).run()
        assert isinstance(result.error, OSError)
        assert "on_retry" not in "".join(recorder.log())
        started: list[int] = []
        failing_after(0, Retry(2), is_async=is_async, started=started).run()
    assert started == [0, 0, 0]


@both
def test_retries_count_over_the_whole_stream(is_async: bool) -> None:
    """Two failures use up two retries, wherever they happen."""
    started: list[int] = []
    probe = failing_after(1, Retry(2, resume_from="offset"), is_async=is_async, started=started)
    with Session():
        result = probe.run()
    assert isinstance(result.error, OSError)
    assert started == [0, 1, 2]


def test_iterations_are_numbered_through() -> None:
    """To observers it is one stream."""
    recorder = Recorder()
    with Session(recorder):
        failing_after(4, Retry(1, resume_from="offset"), is_async=False, started=[]).run()
    seen = [event.details["index"] for event in recorder.events if event.hook == "on_iteration"]
    assert seen == [0, 1, 2, 3, 4, 5]


def test_a_parameter_that_is_not_there() -> None:
    """The name is held against the signature at decoration."""
    with pytest.raises(InvalidTask, match="no parameter"):
        failing_after(1, Retry(1, resume_from="start"), is_async=False, started=[])


def test_a_function_has_nothing_to_resume() -> None:
    """A task that is no generator is refused at decoration."""
    with pytest.raises(InvalidTask, match="no generator"):
        task(Retry(1, resume_from="x"))(lambda x: x)


def test_a_function_that_names_no_parameter() -> None:
    """What it gives is held against the signature too."""
    probe = failing_after(1, Retry(1, resume_from=lambda *_: {"start": 1}), is_async=False, started=[])
    with Session(), pytest.raises(TypeError, match="no parameter"):
        probe.run().unwrap()


@pytest.mark.parametrize("value", [3, "not a name", b"x", ["offset"]])
def test_what_is_neither_a_name_nor_a_function_is_refused(value: object) -> None:
    """Nothing waits for the first failure to be found wrong."""
    with pytest.raises(TypeError, match="resume_from"):
        Retry(resume_from=value)


def test_a_call_that_goes_on_counting_has_the_retries_that_are_left() -> None:
    """A layer outside presets the attempt: those before it are used up."""

    class Resumed:
        name = "resumed"

        @hookimpl
        def bind(self, session, task):
            async def run(call, proceed):
                call.attempt = 2
                return await proceed(call)

            return Layer("resumed", Order.JOURNAL, run=run)

    attempts = []

    @task(Retry(3))
    def work():
        attempts.append(current_call().attempt)
        raise OSError

    with Session(Resumed()):
        work.run()
    assert attempts == [3, 4]
