"""Generators that are steps."""

from __future__ import annotations

import pytest
from replaying import Crash, crashed, opened, rows

from pegboard import Retry, UnsupportedTask, task
from pegboard_durable import (
    Durable,
    JournalDiverged,
    NotRecordable,
    Status,
    apause,
    astep,
    pause,
    step,
    uuid4,
)


@pytest.fixture
def made():
    return []


@pytest.fixture(params=["sync", "async"])
def kind(request):
    return request.param


def reading(kind, items, body):
    """Make a root that reads a stream."""
    if kind == "sync":

        @task(Durable())
        def root():
            found = []
            for item in items():
                found.append(item)
                if body(found) == "break":
                    break
            return found
    else:

        @task(Durable())
        async def root():
            found = []
            async for item in items():
                found.append(item)
                if body(found) == "break":
                    break
            return found

    return root


def numbers(kind, made, **options):
    if kind == "sync":

        @task(Durable(**options))
        def items():
            for number in range(4):
                made.append(number)
                yield number
    else:

        @task(Durable(**options))
        async def items():
            for number in range(4):
                made.append(number)
                yield number

    return items


def test_a_stream_that_ended_is_not_made_again(tmp_path, kind, made) -> None:
    """Its items come from the journal."""
    crash = [True]

    def body(found):
        if len(found) == 4 and not crash:
            raise Crash

    items = numbers(kind, made)
    if kind == "sync":

        @task(Durable())
        def root():
            found = list(items())
            if crash[0]:
                raise Crash
            return found
    else:

        @task(Durable())
        async def root():
            found = [item async for item in items()]
            if crash[0]:
                raise Crash
            return found

    with opened(tmp_path) as durability:
        crashed(durability, root)
        crash[0] = False
        assert durability.resume("r").value == [0, 1, 2, 3]
    assert made == [0, 1, 2, 3]
    assert set(rows(tmp_path)) == {"items#1", *(f"items#1[{number}]" for number in range(4))}


@pytest.mark.parametrize("stop", range(1, 5))
def test_a_stream_that_was_cut_off_runs_again_without_its_first_items(tmp_path, kind, made, stop) -> None:
    """Those are compared, and come from the journal."""
    crash = [True]

    def body(found):
        if len(found) == stop and crash[0]:
            raise Crash

    root = reading(kind, numbers(kind, made), body)
    with opened(tmp_path) as durability:
        crashed(durability, root)
        crash[0] = False
        assert durability.resume("r").value == [0, 1, 2, 3]
    assert made == [*range(stop), *range(4)]


def test_a_stream_that_gives_other_items_diverges(tmp_path, made) -> None:
    """What was handed out cannot be taken back."""
    first = [1]
    crash = [True]

    @task(Durable())
    def items():
        yield first[0]
        yield 2

    def body(found):
        if crash[0]:
            raise Crash

    root = reading("sync", items, body)
    with opened(tmp_path) as durability:
        crashed(durability, root)
        first[0], crash[0] = 5, False
        run = durability.resume("r")
        assert (run.status, type(run.error), run.error.key) == (
            Status.ATTENTION,
            JournalDiverged,
            "items#1[0]",
        )


def test_a_stream_that_takes_resume_from_goes_on_there(tmp_path, made) -> None:
    """It is told how many items there were."""
    crash = [True]

    @task(Durable())
    def items(resume_from=0):
        for number in range(resume_from, 4):
            made.append(number)
            yield number

    def body(found):
        if len(found) == 2 and crash[0]:
            raise Crash

    root = reading("sync", items, body)
    with opened(tmp_path) as durability:
        crashed(durability, root)
        crash[0] = False
        assert durability.resume("r").value == [0, 1, 2, 3]
    assert made == [0, 1, 2, 3]


def test_a_stream_left_early_is_closed_after_so_many(tmp_path, kind, made) -> None:
    """A replay gives those, and the same again."""
    crash = [True]

    if kind == "sync":
        items = numbers(kind, made)

        @task(Durable())
        def root():
            found = []
            for item in items():
                found.append(item)
                if item == 1:
                    break
            step("after", len, "")
            if crash[0]:
                raise Crash
            return found
    else:
        from contextlib import aclosing

        items = numbers(kind, made)

        @task(Durable())
        async def root():
            found = []
            async with aclosing(items()) as stream:
                async for item in stream:
                    found.append(item)
                    if item == 1:
                        break
            await astep("after", len, "")
            if crash[0]:
                raise Crash
            return found

    with opened(tmp_path) as durability:
        crashed(durability, root)
        assert rows(tmp_path)["items#1"] == ("step", "closed")
        crash[0] = False
        assert durability.resume("r").value == [0, 1]
    assert made == [0, 1]


def test_asking_for_more_than_was_asked_for_diverges(tmp_path, made) -> None:
    """Of a stream that was closed."""
    stop, crash = [2], [True]

    @task(Durable())
    def root():
        found = []
        for item in items():
            found.append(item)
            if len(found) == stop[0]:
                break
        step("after", len, "")
        if crash[0]:
            raise Crash
        return found

    items = numbers("sync", made)
    with opened(tmp_path) as durability:
        crashed(durability, root)
        stop[0], crash[0] = 3, False
        assert isinstance(durability.resume("r").error, JournalDiverged)


def test_a_stream_is_not_closed_by_what_cuts_its_run_off(tmp_path, kind, made) -> None:
    """A pause in the loop's body is no end of it."""
    items = numbers(kind, made)
    if kind == "sync":
        from contextlib import closing

        @task(Durable())
        def root():
            found = []
            with closing(items()) as stream:
                for item in stream:
                    answer = pause("go") if item == 1 else None
                    found += [(item, answer)]
            return found
    else:
        from contextlib import aclosing

        @task(Durable())
        async def root():
            found = []
            async with aclosing(items()) as stream:
                async for item in stream:
                    answer = await apause("go") if item == 1 else None
                    found += [(item, answer)]
            return found

    with opened(tmp_path) as durability:
        assert durability.run(root, run_id="r").status == Status.SUSPENDED
        durability.signal("r", "go", "x")
        assert durability.resume("r").value == [(0, None), (1, "x"), (2, None), (3, None)]


def test_a_stream_that_failed_fails_again_after_its_items(tmp_path, kind) -> None:
    """Its error is recorded."""
    made, crash = [], [True]
    if kind == "sync":

        @task(Durable())
        def items():
            made.append(1)
            yield 1
            raise KeyError("a")
    else:

        @task(Durable())
        async def items():
            made.append(1)
            yield 1
            raise KeyError("a")

    root = reading(kind, items, lambda found: None)
    if kind == "sync":

        @task(Durable())
        def outer():
            try:
                for _ in items():
                    pass
            except KeyError as error:
                if crash[0]:
                    raise Crash from None
                return error.args
    else:

        @task(Durable())
        async def outer():
            try:
                async for _ in items():
                    pass
            except KeyError as error:
                if crash[0]:
                    raise Crash from None
                return error.args

    with opened(tmp_path) as durability:
        crashed(durability, outer)
        crash[0] = False
        assert durability.resume("r").value == ("a",)
        assert isinstance(durability.run(root, run_id="other").error, KeyError)
    assert made == [1, 1]


def test_what_a_generator_returns_is_recorded(tmp_path) -> None:
    """`yield from` gives it on a replay, too."""
    crash = [True]

    @task(Durable())
    def items():
        yield 1
        return "end"

    @task(Durable())
    def root():
        def read():
            return (yield from items())

        stream = read()
        assert next(stream) == 1
        try:
            next(stream)
        except StopIteration as stop:
            if crash[0]:
                raise Crash from None
            return stop.value

    with opened(tmp_path) as durability:
        crashed(durability, root)
        crash[0] = False
        assert durability.resume("r").value == "end"


def test_a_stream_is_no_run(tmp_path, kind, made) -> None:
    """It may be a step, and says so."""
    items = numbers(kind, made)
    with opened(tmp_path), pytest.raises(UnsupportedTask, match="a step of one, but no run"):
        items.run().unwrap()
    assert made == []


def test_an_item_that_cannot_be_recorded_is_refused(tmp_path) -> None:
    """It would not come again."""

    @task(Durable())
    def items():
        yield object()

    root = reading("sync", items, lambda found: None)
    with opened(tmp_path) as durability:
        assert isinstance(durability.run(root, run_id="r").error, NotRecordable)


def test_an_answer_to_what_was_sent_is_refused(tmp_path) -> None:
    """A replay could not send it."""

    @task(Durable())
    def items():
        got = yield 1
        yield got

    @task(Durable())
    def root():
        stream = items()
        next(stream)
        stream.send(5)

    with opened(tmp_path) as durability:
        assert isinstance(durability.run(root, run_id="r").error, NotRecordable)


def test_steps_and_values_in_a_stream_are_below_it(tmp_path) -> None:
    """A generator's body is the body of a step."""
    seen, crash = [], [True]

    @task(Durable())
    def one(number):
        return number

    @task(Durable())
    def items():
        given = uuid4()
        for number in range(3):
            one(number)
            seen.append(given)
            yield number

    def body(found):
        if len(found) == 2 and crash[0]:
            raise Crash

    root = reading("sync", items, body)
    with opened(tmp_path) as durability:
        crashed(durability, root)
        crash[0] = False
        assert durability.resume("r").value == [0, 1, 2]
    assert len(set(seen)) == 1
    assert {"items#1/one#1", "items#1/@uuid4#1"} <= set(rows(tmp_path))


def test_a_stream_in_another_attempt_of_the_root(tmp_path, made) -> None:
    """One that ended comes from the journal."""
    tries = []
    items = numbers("sync", made)

    @task(Durable(), Retry(1))
    def root():
        found = list(items())
        tries.append(1)
        if len(tries) == 1:
            raise OSError
        return found

    with opened(tmp_path) as durability:
        assert durability.run(root, run_id="r").value == [0, 1, 2, 3]
    assert made == [0, 1, 2, 3]


def test_items_may_be_committed_together(tmp_path, made) -> None:
    """Then so many may be made again."""
    root = reading("sync", numbers("sync", made, commit_every=3), lambda found: None)
    with opened(tmp_path) as durability:
        assert durability.run(root, run_id="r").value == [0, 1, 2, 3]
        assert len(rows(tmp_path)) == 5


def test_a_stream_that_another_attempt_left_may_be_asked_for_more(tmp_path, made) -> None:
    """It was left early in that attempt alone."""
    tries = []
    items = numbers("sync", made)

    @task(Durable(), Retry(1))
    def root():
        tries.append(1)
        found = []
        for item in items():
            found.append(item)
            if len(tries) == 1 and item == 1:
                raise OSError
        return found

    with opened(tmp_path) as durability:
        assert durability.run(root, run_id="r").value == [0, 1, 2, 3]
    assert made == [0, 1, 0, 1, 2, 3]


def test_a_stream_that_is_run_again_forgets_its_items(tmp_path) -> None:
    """Also those that it gave for other arguments, and not yet for these, when it was cut off again."""
    argument, stops = [4], [4, 2, None]

    @task(Durable(on_change="rerun"))
    def items(number):
        for each in range(4):
            yield each * number

    @task(Durable())
    def root():
        stop, found = stops.pop(0), []
        for item in items(argument[0]):
            found.append(item)
            if len(found) == stop:
                raise Crash
        return found

    with opened(tmp_path) as durability:
        crashed(durability, root)
        argument[0] = 5
        with pytest.raises(Crash):
            durability.resume("r")
        assert durability.resume("r").value == [0, 5, 10, 15]
