"""Maps on processes: chunks, failures, deaths and early ends."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import threading
import time

import pytest
import remote_tasks as tasks

from pegboard import Layer, Order, Processes, Session, hookimpl
from pegboard.errors import TransportError, WorkerDied
from pegboard.testing import Recorder, isolated

WATCHED = pytest.mark.parametrize("watched", [False, True], ids=["quick", "watched"])


def session(warm, watched):
    """Open a session with an observer, or with nobody who watches."""
    return Session(*([Recorder()] if watched else []), executor=warm)


class TestResults:
    @WATCHED
    def test_in_input_order(self, warm, watched):
        """Results are in input order, for sized and lazy inputs, sync and async."""
        expected = list(range(1, 1001))
        with session(warm, watched):
            assert tasks.plus_one.map(range(1000)) == expected
            assert tasks.plus_one.map(iter(range(1000))) == expected
            assert asyncio.run(tasks.plus_one.amap(range(1000))) == expected
            assert tasks.sums.map([1, 2], [10, 20]) == [11, 22]
            assert tasks.plus_one.map([]) == []

    @WATCHED
    def test_lazy_input_is_not_drained(self, warm, watched):
        """An endless input ends with the first failure, having been read no further than what was under way."""
        read = []

        def endless():
            number = 0
            while True:
                read.append(number)
                yield number
                number += 1

        with session(warm, watched), pytest.raises(KeyError):
            tasks.fails.map(endless())
        assert (
            len(read) < 20_000
        )  # two chunks of at most 4,096 items for each of two workers, and one being made

    @WATCHED
    def test_slow_input_does_not_hold_up_what_it_gave(self, warm, watched):
        """Items of an input that is slow to give more are sent before it does, however large chunks have grown."""

        def slow():
            yield from range(2000)
            for number in range(30):
                given.append(time.time())
                yield number
                time.sleep(0.02)

        given = []
        with session(warm, watched):
            found = tasks.run_at.map(slow())
        late = [at - given_at for at, given_at in zip(found[2000:], given, strict=True)]
        assert sorted(late)[20] < 0.1

    @WATCHED
    def test_items_that_turn_slow_are_shared_out(self, warm, watched):
        """Long items at the end of many short ones run on all workers, and not one after another in one's chunk."""
        with session(warm, watched):
            tasks.where.map(range(4))
            assert len(set(tasks.took_in.map([0.0] * 3000 + [0.15] * 8)[-8:])) == 2

    @WATCHED
    def test_concurrency(self, warm, watched):
        """`concurrency=1` has one worker at work at a time."""
        with session(warm, watched):
            found = tasks.spans.map([0.01] * 12, concurrency=1)
        ordered = sorted(found)
        assert all(first[1] <= second[0] + 0.001 for first, second in itertools.pairwise(ordered))

    def test_argument_that_does_not_fit(self, warm):
        """A wrong number of arguments is a TypeError of each item, as on threads."""
        for watched in (False, True):
            with session(warm, watched):
                found = tasks.plus_one.map([1, 2], [3, 4], on_error="collect")
            assert [type(each) for each in found] == [TypeError] * 2


class TestNested:
    def test_map_in_map(self, warm):
        """Maps in maps end, five deep, and those inside a worker run there."""
        with Session(executor=warm):
            leaves, pids = zip(*tasks.nest.map([4, 4]), strict=True)
        assert leaves == (81, 81)
        assert os.getpid() not in set.union(*pids)
        assert all(len(each) == 1 for each in pids)


class TestDeath:
    """A worker that dies fails the item it was at."""

    @WATCHED
    @pytest.mark.parametrize("how", ["kill", "exit"])
    def test_item_fails_by_index(self, warm, watched, how):
        """The others are run, the pool is whole again, and the next map works."""
        with session(warm, watched):
            tasks.plus_one.map(range(500))  # chunks have grown
            found = tasks.dies_at_three.map(range(60), [how] * 60, on_error="collect")
            died = found[3]
            assert isinstance(died, WorkerDied)
            assert (died.task, died.index) == ("dies_at_three", 3)
            assert [*found[:3], *found[4:]] == [0, 1, 2, *range(4, 60)]
            with pytest.raises(WorkerDied) as caught:
                tasks.dies_at_three.map(range(60), [how] * 60)
            assert caught.value.index == 3
            assert tasks.plus_one.map([1]) == [2]

    def test_memory_limit(self):
        """A worker at its memory limit raises MemoryError for the item, and lives on or is replaced."""
        with Processes(workers=1) as pool, Session(executor=pool):
            found = tasks.dies_at_three.map(range(6), ["memory"] * 6, on_error="collect")
            assert type(found[3]) in (MemoryError, WorkerDied)
            assert [*found[:3], *found[4:]] == [0, 1, 2, 4, 5]

    @WATCHED
    def test_events_of_a_death_are_whole(self, warm, watched):
        """Every beginning has its end, also of the items that were sent twice."""
        recorder = Recorder()
        with Session(*([recorder] if watched else []), executor=warm):
            tasks.dies_at_three.map(range(40), on_error="collect")
        assert recorder.unbalanced() == []
        if watched:
            assert len(recorder.of("after_execute")) == 40

    @WATCHED
    def test_sigterm_drains(self, warm, watched, tmp_path):
        """A worker asked to end finishes its item; the rest runs elsewhere, nothing is lost, nothing twice."""
        log = tmp_path / "log"
        with session(warm, watched):
            tasks.plus_one.map(range(2000))
            assert tasks.asks_to_leave_at_sixty.map(range(400), [str(log)] * 400) == list(range(400))
        lines = [line.split() for line in log.read_text().splitlines()]
        assert sorted(int(number) for number, _ in lines) == list(range(400))
        assert len({pid for _, pid in lines}) > 1


class TestInstalled:
    @WATCHED
    def test_the_end_waits_for_a_map(self, warm, watched):
        """A map of another thread has its time, and its group ends as it ends."""
        recorder, began = Recorder(), threading.Event()

        class Begins:
            name = "begins"

            @hookimpl
            def before_group(self):
                began.set()

        installed = Session(*([recorder] if watched else []), Begins(), executor=warm)
        with isolated():
            installed.install()
            results = []
            thread = threading.Thread(target=lambda: results.extend(tasks.sleeps.map([0.05] * 8)))
            thread.start()
            assert began.wait(10)
            installed.uninstall()
            told = recorder.log()
            thread.join(10)
        assert len(results) == 8
        assert not watched or told[-1].startswith("after_group ok")


class TestEarlyEnd:
    @WATCHED
    def test_raise_waits_for_the_siblings(self, warm, watched, tmp_path):
        """When a map raises, nothing of it runs any more."""
        with session(warm, watched), pytest.raises(KeyError) as caught:
            tasks.fails_or_marks.map(range(6), [str(tmp_path)] * 6, concurrency=2)
        assert "as item 1 of a map" in caught.value.__notes__
        marks = {path.name for path in tmp_path.iterdir()}
        begun, ended = ({name[5:] for name in marks if name.startswith(mark)} for mark in ("begun", "ended"))
        assert begun - {"1"} == ended
        time.sleep(0.2)
        assert {path.name for path in tmp_path.iterdir()} == marks

    @WATCHED
    def test_keyboard_interrupt(self, warm, watched):
        """Ctrl-C at the caller ends the map at once, kills what runs, and tells every end."""
        recorder = Recorder()
        timer = threading.Timer(0.5, os.kill, [os.getpid(), signal.SIGINT])
        with Session(*([recorder] if watched else []), executor=warm):
            tasks.where.map(range(4))
            timer.start()
            start = time.perf_counter()
            with pytest.raises(KeyboardInterrupt):
                tasks.sleeps.map([30] * 4)
            assert time.perf_counter() - start < 5
            timer.join()
            assert tasks.plus_one.map([1]) == [2]
        assert recorder.unbalanced() == []

    @WATCHED
    def test_cancelled_amap(self, warm, watched):
        """A cancelled `amap` kills what runs, and waits for that."""
        recorder = Recorder()

        async def main():
            running = asyncio.ensure_future(tasks.sleeps.amap([30] * 4))
            await asyncio.sleep(0.3)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running

        with Session(*([recorder] if watched else []), executor=warm):
            start = time.perf_counter()
            asyncio.run(main())
            assert time.perf_counter() - start < 5
        assert recorder.unbalanced() == []


class Again:
    """Runs a failed call a second time."""

    name = "again"

    @hookimpl
    def bind(self):
        async def run(call, proceed):
            try:
                return await proceed(call)
            except KeyError:
                return await proceed(call)

        return Layer("again", Order.RETRY, run)


class TestHooks:
    def test_once_and_in_order(self, warm):
        """Hooks run at the caller's, once for each item and in their order, chunks or not."""
        recorder = Recorder()
        with Session(recorder, executor=warm):
            tasks.plus_one.map(range(300))
        assert recorder.unbalanced() == []
        by_call = {}
        for event in recorder.events:
            by_call.setdefault(id(event.subject), []).append(str(event))
        groups = [log for log in by_call.values() if "group" in log[0]]
        assert len(groups) == 1
        assert len(by_call) == 301
        told = ["before_execute", "before_attempt 1", "after_attempt 1", "after_execute ok/run 1"]
        for log in by_call.values():
            assert "group" in log[0] or [each for each in log if "on_wait" not in each] == told

    def test_durations_are_the_functions(self, warm):
        """A duration is the time of the function, not of its chunk."""
        recorder = Recorder()
        with Session(recorder, executor=warm):
            tasks.took.map([0.0, 0.0, 0.1, 0.0] * 3)
        durations = {
            event.subject.map_index: event.details["outcome"].duration
            for event in recorder.of("after_execute")
        }
        assert all((0.1 <= seconds < 0.3) == (index % 4 == 2) for index, seconds in durations.items())

    def test_with_layers(self, warm):
        """Layers stay at the caller's: a retried item goes to a worker twice."""
        recorder = Recorder()
        with Session(Again(), recorder, executor=warm):
            found = tasks.fails.map(range(4), on_error="collect")
        assert [type(each) for each in found] == [int, KeyError, int, int]
        assert len(recorder.of("before_attempt")) == 5
        assert recorder.unbalanced() == []


class TestUnpicklable:
    """What cannot travel is an error that names index and type; the others run."""

    @WATCHED
    def test_argument(self, warm, watched):
        """An argument in the middle of a map."""
        inputs = [1, 2, threading.Lock(), 4, 5]
        with session(warm, watched):
            found = tasks.takes_anything.map([*range(100), *inputs], on_error="collect")
        error = found[102]
        assert isinstance(error, TransportError)
        assert (error.index, error.type, error.what) == (102, "_thread.lock", "an argument")
        assert [each for each in found if each is not error] == ["int"] * 104

    @WATCHED
    def test_result(self, warm, watched):
        """A result that cannot be pickled."""
        with session(warm, watched):
            found = tasks.gives.map(range(30), ["lock"] * 30, on_error="collect")
        error = found.pop(1)
        assert isinstance(error, TransportError)
        assert (error.index, error.type, error.what) == (1, "_thread.lock", "its result")
        assert found == [0, *range(2, 30)]

    @WATCHED
    def test_result_that_cannot_be_made_again(self, warm, watched):
        """A result that fails at home is an error of its item, not of the map."""
        with session(warm, watched):
            found = tasks.gives.map([0, 1, 2], ["spoilt"] * 3, on_error="collect", concurrency=1)
            assert isinstance(found[1], TransportError)
            assert "made again" in str(found[1])
            with pytest.raises(TransportError, match="made elsewhere"):
                tasks.gives.submit(1, "spoilt").result()
