"""`pegboard.running.open_group.open_group`: calls of a group, made by whoever decides what runs when."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import CancelledError, ThreadPoolExecutor
from typing import Any

import pytest

from pegboard import Session, SessionError, current_call, task
from pegboard.running.open_group import GroupItem, OpenGroup, open_group
from pegboard.testing import Recorder


@task(name="double")
def double(x: int) -> int:
    if x < 0:
        raise ValueError(x)
    return 2 * x


@task(name="adouble")
async def adouble(x: int) -> int:
    await asyncio.sleep(0)
    if x < 0:
        raise ValueError(x)
    return 2 * x


@task(name="numbers")
def numbers(n: int):
    yield from range(n)


@pytest.mark.parametrize("executor", ["inline", "threads"])
def test_calls_are_made_here_and_on_the_executor(executor: str) -> None:
    """Tasks of every kind, by `call` and by `submit`; each call carries the group."""
    recorder = Recorder()
    with Session(recorder, executor=executor), open_group("graph", "survey", size=6) as group:
        assert group.call(double, 1) == 2
        assert group.call(adouble, x=2) == 4
        assert group.call(numbers, 2) == [0, 1]
        futures = [group.submit(double, 3), group.submit(adouble, 4), group.submit(numbers, 1)]
        group.wait(futures)
        assert [future.result() for future in futures] == [6, 8, [0]]
        group.value = "done"
    first, last = recorder.events[0], recorder.events[-1]
    assert (first.hook, last.hook) == ("before_group", "after_group")
    subject = first.subject
    assert (subject.kind, subject.name, subject.size, subject.calls) == ("graph", "survey", 6, 6)
    assert {event.subject.group for event in recorder.of("before_execute")} == {subject}
    assert {event.subject.executor for event in recorder.of("before_execute")} == {"inline", executor}
    assert last.details["outcome"].value == "done"
    assert recorder.unbalanced() == []


def test_calls_are_made_in_an_event_loop() -> None:
    """`acall` awaits here, `start` begins at once; sync bodies go to threads."""
    recorder = Recorder()

    async def main() -> None:
        async with open_group("graph", "survey") as group:
            started = [group.start(adouble, 1), group.start(double, 2), group.start(numbers, 2)]
            assert await group.acall(adouble, 3) == 6
            assert await group.acall(double, 4) == 8
            assert await asyncio.gather(*started) == [2, 4, [0, 1]]

    with Session(recorder):
        asyncio.run(main())
    (after,) = recorder.of("after_group")
    assert (after.subject.calls, after.subject.failed) == (5, 0)
    assert recorder.unbalanced() == []


def test_a_method_is_called_with_its_object() -> None:
    """Bound tasks are tasks here, too."""

    class Scale:
        @task
        def times(self, x: int) -> int:
            return 5 * x

    with Session(), open_group("graph", "g") as group:
        assert group.call(Scale().times, 2) == 10
        assert group.submit(Scale().times, 3).result(10) == 15


def test_calls_are_children_of_the_call_around_the_group() -> None:
    """Also those that another thread makes."""

    @task(name="inner")
    def inner() -> str:
        return current_call().parent.task.name

    @task(name="outer")
    def outer() -> list[str]:
        with open_group("graph", "g") as group, ThreadPoolExecutor(1) as other:
            return [
                group.call(inner),
                group.submit(inner).result(10),
                other.submit(group.call, inner).result(10),
            ]

    with Session():
        assert outer() == ["outer"] * 3


def test_what_was_submitted_is_waited_for() -> None:
    """Nothing of the group runs once the block is left, nor does what its calls submitted."""
    ended = []

    with Session(), open_group("graph", "g") as group:

        @task
        def leaf() -> None:
            threading.Event().wait(0.02)
            ended.append("leaf")

        @task
        def branch() -> None:
            threading.Event().wait(0.02)
            group.submit(leaf)
            ended.append("branch")

        group.submit(branch)
    assert ended == ["branch", "leaf"]


def test_an_error_in_the_block_cancels_what_has_not_begun() -> None:
    """What runs is waited for, the rest never runs, and the group ends with that error."""
    begun = threading.Event()
    ran = []

    @task
    def work(x: int) -> None:
        begun.set()
        threading.Event().wait(0.05)
        ran.append(x)

    recorder, error = Recorder(), LookupError("stop")
    futures = []
    with ThreadPoolExecutor(1) as pool, Session(recorder, executor=pool):
        with pytest.raises(LookupError) as caught, open_group("graph", "g") as group:
            futures += [group.submit(work, x) for x in range(5)]
            begun.wait(10)
            raise error
        assert ran == [0]
        assert [future.cancelled() for future in futures] == [False, True, True, True, True]
    assert caught.value is error
    (after,) = recorder.of("after_group")
    assert (after.details["outcome"].error, after.details["outcome"].status) == (error, "error")
    assert recorder.unbalanced() == []


def test_an_error_in_an_async_block_cancels_and_awaits() -> None:
    """Asyncio tasks are cancelled and awaited, threads waited for."""
    ended = []
    begun = threading.Barrier(3)

    @task
    async def waits() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.01)
            ended.append("task")

    @task
    def blocks() -> None:
        begun.wait(10)
        threading.Event().wait(0.05)
        ended.append("thread")

    async def main() -> None:
        with pytest.raises(LookupError):
            async with open_group("graph", "g") as group:
                group.start(waits)
                group.start(blocks)
                group.submit(blocks)
                await asyncio.to_thread(begun.wait, 10)
                raise LookupError
        assert sorted(ended) == ["task", "thread", "thread"]

    with Session():
        asyncio.run(main())


def test_cancelling_an_async_block_cancels_what_it_began() -> None:
    """Also while the end of the block waits; the cancellation leaves once all is over."""
    ended = []

    @task
    async def waits() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(True)

    async def block() -> None:
        async with open_group("graph", "g") as group:
            group.start(waits)

    async def main() -> None:
        running = asyncio.ensure_future(block())
        await asyncio.sleep(0.01)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert ended == [True]

    recorder = Recorder()
    with Session(recorder):
        asyncio.run(main())
    assert recorder.of("after_group")[0].details["outcome"].status == "cancelled"


def test_errors_of_calls_are_in_their_futures() -> None:
    """They are counted, and end the group only when the block raises them."""
    recorder = Recorder()

    async def main() -> None:
        async with open_group("graph", "g") as group:
            with pytest.raises(ValueError):
                await group.acall(double, -1)
            with pytest.raises(ValueError):
                await group.start(adouble, -1)

    with Session(recorder):
        with open_group("graph", "g") as group:
            with pytest.raises(ValueError):
                group.call(double, -1)
            assert type(group.submit(double, -1).exception(10)) is ValueError
        asyncio.run(main())
    assert [event.subject.failed for event in recorder.of("after_group")] == [2, 2]
    assert [event.details["outcome"].status for event in recorder.of("after_group")] == ["ok", "ok"]


def test_a_future_cancelled_before_it_begins_never_runs() -> None:
    """As with any executor."""
    release = threading.Event()
    ran = []

    @task
    def work(x: int) -> None:
        ran.append(x)
        release.wait(10)

    with ThreadPoolExecutor(1) as pool, Session(executor=pool), open_group("graph", "g") as group:
        group.submit(work, 0)
        second = group.submit(work, 1)
        assert second.cancel()
        release.set()
    assert ran == [0]
    with pytest.raises(CancelledError):
        second.result()


@pytest.mark.parametrize("how", ["wait", "wait_any"])
def test_groups_inside_groups_end(how: str) -> None:
    """A waiter runs what nobody has begun, so a full pool cannot deadlock."""

    @task
    def nest(level: int) -> int:
        if level == 0:
            return 1
        total = 0
        with open_group("graph", "g") as group:
            left = {group.submit(nest, level - 1) for _ in range(3)}
            while left:
                if how == "wait":
                    group.wait(left)
                    over = set(left)
                else:
                    over = group.wait_any(left)
                    assert over
                left -= over
                total += sum(future.result() for future in over)
        return total

    depth = 7 if how == "wait" else 4
    with ThreadPoolExecutor(2) as pool, Session(executor=pool):
        assert nest(depth) == 3**depth


def test_the_end_of_an_async_block_helps_too() -> None:
    """What nobody begins is run in a thread of the loop's, so that a full pool cannot deadlock."""

    @task
    async def inner(level: int) -> None:
        async with open_group("graph", "g") as group:
            if level:
                group.submit(inner, level - 1)
                group.submit(inner, level - 1)

    with ThreadPoolExecutor(1) as pool, Session(executor=pool), open_group("graph", "g") as group:
        group.submit(inner, 3)


def test_a_group_that_is_not_open_makes_no_calls() -> None:
    """Before it is entered and after it is left; and it is entered once."""
    with Session():
        group = open_group("graph", "g")
        with pytest.raises(SessionError, match="never entered"):
            group.call(double, 1)
        with group:
            assert group.call(double, 1) == 2
        with pytest.raises(SessionError, match="it is over"):
            group.submit(double, 1)
        with pytest.raises(SessionError, match="open another"), group:
            pass


def test_calls_do_not_see_each_others_context() -> None:
    """Each runs in a copy of the group's."""
    from contextvars import ContextVar

    mark: ContextVar[int] = ContextVar("mark", default=0)

    @task
    def move() -> int:
        mark.set(mark.get() + 1)
        return mark.get()

    with Session(), open_group("graph", "g") as group:
        assert [group.call(move), group.call(move), group.submit(move).result(10)] == [1, 1, 1]
    assert mark.get() == 0


def test_ctrl_c_in_an_observer_of_the_beginning_still_tells_the_end() -> None:
    """Exactly one after_group for every before_group."""
    from pegboard import hookimpl

    class Impatient:
        name = "impatient"

        @hookimpl
        def before_group(self) -> None:
            raise KeyboardInterrupt

    recorder = Recorder()
    with Session(recorder, Impatient()), pytest.raises(KeyboardInterrupt), open_group("graph", "g"):
        pass
    assert len(recorder.of("after_group")) == 1
    assert recorder.unbalanced() == []


@pytest.mark.parametrize("executor", ["inline", "threads"])
def test_a_call_may_be_made_first_and_begun_later(executor: str) -> None:
    """It carries the group, what its state is told is there when it begins, and afterwards it tells how it went."""
    recorder = Recorder()
    with Session(recorder, executor=executor), open_group("graph", "g") as group:
        made = [
            group.make(double, 1),
            group.make(adouble, x=2),
            group.make(numbers, 2),
            group.make(double, 3),
        ]
        assert [call.group for call in made] == [group.group] * 4
        assert not recorder.of("before_execute")
        for number, call in enumerate(made):
            call.state["mark"] = number
        futures = [group.submit(call) for call in made[:3]]
        assert group.call(made[3]) == 6
        assert [future.result(10) for future in futures] == [2, 4, [0, 1]]
        assert [call.source for call in made] == ["run"] * 4
    begun = {event.subject.number: event.subject.state["mark"] for event in recorder.of("before_execute")}
    assert begun == {call.number: number for number, call in enumerate(made)}
    assert {event.subject.parent for event in recorder.of("before_execute")} == {None}
    assert recorder.of("after_group")[0].subject.calls == 4


def test_a_call_that_was_made_begins_in_an_event_loop() -> None:
    """`start` and `acall` take it as well, of any kind."""

    async def main() -> None:
        async with open_group("graph", "g") as group:
            started = [group.start(group.make(adouble, 1)), group.start(group.make(double, 2))]
            assert await group.acall(group.make(numbers, 2)) == [0, 1]
            assert await asyncio.gather(*started) == [2, 4]

    with Session():
        asyncio.run(main())


def test_a_call_that_was_made_belongs_to_what_opened_the_group() -> None:
    """Whoever makes it: its parent is the call that the group was opened in, as of every other call of the group."""
    parents = []

    @task
    def note() -> None:
        parents.append(current_call().parent.task.name)

    @task
    def within(group) -> None:
        group.call(group.make(note))

    @task(name="opening")
    def opening() -> None:
        with open_group("graph", "g") as group:
            group.call(within, group)
            group.call(group.make(note))

    with Session():
        opening()
    assert parents == ["opening", "opening"]


def test_a_call_that_was_made_happens_once_and_in_its_group() -> None:
    """Begun twice, in another group, or with arguments once more, it is refused; dropped, it is nothing."""
    with Session(), open_group("graph", "one") as one, open_group("graph", "two") as two:
        made, dropped = one.make(double, 1), one.make(double, 2)
        with pytest.raises(SessionError, match="another group made it"):
            two.call(made)
        with pytest.raises(TypeError, match="arguments already"):
            one.call(made, 5)
        assert one.call(made) == 2
        for begin in (one.call, one.submit):
            with pytest.raises(SessionError, match="has begun before"):
                begin(made)
        assert dropped.attempt == 0
    with pytest.raises(SessionError, match="it is over"):
        one.make(double, 1)
    with pytest.raises(SessionError, match="it is over"):
        one.call(dropped)


def test_the_error_of_a_call_that_was_made_is_counted() -> None:
    """Like that of any other call of the group."""
    with Session(), open_group("graph", "g") as group:
        with pytest.raises(ValueError):
            group.call(group.make(double, -1))
        assert (group.group.calls, group.group.failed) == (1, 1)


class Fails(GroupItem):
    """An item that fails."""

    def run(self, group: OpenGroup, index: int) -> Any:
        raise ValueError(index)


def test_a_group_whose_items_failed_goes_on() -> None:
    """Its end is told when it is left, and with what became of it by then."""
    recorder = Recorder()
    with Session(recorder), open_group("graph", "survey") as group:
        with pytest.raises(ValueError):
            group.run_all([Fails()])
        assert recorder.of("after_group") == []
        group.value = 5
    (told,) = recorder.of("after_group")
    assert (told.details["outcome"].status, told.details["outcome"].value) == ("ok", 5)
