"""Trees: what is below what, when it is printed, and how little of it is kept."""

from __future__ import annotations

import asyncio
import gc
import io
import threading

import pytest

from pegboard import Layer, Order, Session, hookimpl, task
from pegboard_console import Console


@task
def leaf(x=0):
    if x < 0:
        raise ValueError("canary")
    return x


@task(name="leaf")
async def aleaf(x=0):
    await asyncio.sleep(0)
    return leaf.__wrapped__(x)


@pytest.mark.parametrize("kind", ["function", "coroutine", "generator", "async_generator"])
def test_an_outermost_call_is_printed_with_what_is_below(session, shown, kind):
    """Each kind of task is a line when it ends, above those of the tasks it called."""

    def function():
        leaf()

    async def coroutine():
        leaf()

    def generator():
        leaf()
        yield 1

    async def async_generator():
        leaf()
        yield 1

    task(name="outer")(locals()[kind]).run()
    assert shown() == ["✓ outer", "└── ✓ leaf"]


def test_nothing_is_printed_before_the_outermost_call_ends(session, shown):
    """A tree appears whole."""

    @task
    def outer():
        leaf()
        return shown()

    assert outer() == []
    assert shown() == ["✓ outer", "└── ✓ leaf"]


def test_how_a_call_ended_is_on_its_line(session, shown):
    """Mark, attempts, where the value came from and the class of an error; never a message."""

    class Around:
        name = "around"

        @hookimpl
        def bind(self, session, task):
            async def run(call, proceed):
                if task.name == "stored":
                    call.source = "cache"
                    return 1
                if task.name == "again":
                    await proceed(call)
                return await proceed(call)

            return Layer("around", Order.RETRY, run=run) if task.name in ("stored", "again") else None

    session.register(Around())
    task(name="stored")(lambda: 1)()
    task(name="again")(lambda: 1)()
    with pytest.raises(ValueError):
        leaf(-1)
    with pytest.raises(KeyboardInterrupt):
        task(name="interrupted")(lambda: (_ for _ in ()).throw(KeyboardInterrupt()))()
    assert shown() == [
        "✓ stored  cache hit",
        "✓ again  2 attempts",
        "✗ leaf  ValueError",
        "■ interrupted  KeyboardInterrupt",
    ]


def test_a_stream_left_early_says_so(session, shown):
    """A closed stream is neither a success nor a failure."""

    @task
    def stream():
        yield leaf(1)
        yield leaf(2)

    next(stream())
    gc.collect()
    assert shown() == ["○ stream", "└── ✓ leaf"]


def test_what_the_consumer_calls_is_not_below_the_stream(session, shown):
    """A suspended stream is nobody's parent."""

    @task
    def stream():
        yield 1

    for _ in stream():
        leaf()
    assert shown() == ["✓ leaf", "✓ stream"]


@pytest.mark.parametrize("mapped", [leaf, aleaf], ids=["sync", "async"])
def test_a_map_is_one_line_above_its_items(session, shown, mapped):
    """Also where no task made it."""
    mapped.map([1, 2])
    assert shown() == ["✓ map leaf  2 calls", "├── ✓ leaf", "└── ✓ leaf"]


def test_a_map_in_a_task_is_below_it(session, shown):
    """The map's line is between the caller's and the items'."""

    @task
    def outer():
        leaf.map([1])

    outer()
    assert shown() == ["✓ outer", "└── ✓ map leaf  1 call", "    └── ✓ leaf"]


def test_a_large_map_is_folded(session, shown):
    """Ten items are shown, and the number of the others."""
    leaf.map(range(10_000))
    assert len(shown()) == 12
    assert shown()[-1] == "└── … 9,990 more"


def test_failures_are_shown_beyond_the_first_ten(session, shown):
    """Ten more that failed are shown; further ones are counted."""
    leaf.map([*range(10), *[-1] * 15, 5], on_error="collect")
    lines = shown()
    assert sum("ValueError" in line for line in lines) == 10
    assert lines[-1] == "└── … 6 more (5 failed)"


def test_names_of_folded_calls_are_not_made(session):
    """What is only counted costs no text of its arguments."""

    class Value:
        texts = 0

        def __str__(self):
            Value.texts += 1
            return "value"

    task(name="load_{x}")(lambda x: 1).map([Value() for _ in range(100)])
    assert Value.texts == 10


def test_a_call_with_too_much_below_is_shown_without_it(session, shown):
    """When a tree is full, a call keeps its line and says how many are below."""

    @task
    def rows():
        for _ in range(9):
            leaf()
            leaf.run(-1)

    @task
    def outer():
        for _ in range(8):
            rows()

    outer()
    lines = shown()
    assert sum("rows" in line for line in lines) == 8
    assert lines[-1] == "    └── … 18 below (9 failed)"


def test_names_made_of_arguments_are_filled_in(session, shown):
    """The tree tells calls apart by their rendered names."""
    task(name="load_{day}")(lambda day: day)("monday")
    assert shown() == ["✓ load_monday"]


def test_hostile_names_are_harmless(session, shown, out):
    """Markup is text, and control characters are escaped."""
    task(name="[red]{x}[/red]")(lambda x: x)("\x1b[2J\u202e")
    assert shown() == ["✓ [red]\\x1b[2J\\u202e[/red]"]
    assert "\x1b" not in out.getvalue()


def test_a_functions_own_name_is_escaped(session, shown):
    """Also a name that nobody wrote in a decorator."""

    def function():
        return 1

    function.__qualname__ = "evil\x1b[2J"
    task(function)()
    assert shown() == ["✓ evil\\x1b[2J"]


def test_a_call_that_outlives_its_caller_is_printed_on_its_own(session, shown):
    """What was submitted and not waited for has no tree to be in."""
    release = threading.Event()

    @task
    def late():
        assert release.wait(30)

    @task
    def outer():
        return late.submit()

    future = outer()
    assert shown() == ["✓ outer"]
    release.set()
    future.result()
    assert shown() == ["✓ outer", "✓ late"]


def test_inner_sessions_are_part_of_the_tree(session, shown):
    """A session that inherits the console prints into the same trees."""

    @task
    def outer():
        with Session():
            leaf()

    outer()
    assert shown() == ["✓ outer", "└── ✓ leaf"]


def test_the_caller_in_a_session_without_console_is_not_waited_for(out, shown):
    """A call whose maker is not watched is an outermost one."""

    @task
    def outer():
        with Session(Console(out, force=True, summary=False)):
            leaf()

    with Session(inherit=False):
        outer()
    assert shown() == ["✓ leaf"]


def test_threads_lose_nothing(session, shown):
    """Trees printed by eight threads at once are whole, and all there."""

    @task
    def outer():
        leaf()

    def work():
        with session:
            for _ in range(50):
                outer()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert shown() == ["✓ outer", "└── ✓ leaf"] * 400


def test_a_file_may_call_tasks_itself(shown, out):
    """What is called while a line is written is printed after it, however much that is."""

    class Calling(io.StringIO):
        def write(self, text):
            if not self.getvalue():
                super().write(text)
                for _ in range(1_500):
                    leaf()
                return len(text)
            return super().write(text)

    file = Calling()
    with Session(Console(file, force=True, summary=False), inherit=False, strict=True):
        task(name="first")(lambda: 1)()
    assert [line.split()[1] for line in file.getvalue().splitlines()] == ["first", *["leaf"] * 1_500]


def test_calls_wait_when_the_stream_is_slow():
    """While one thread writes, others go on; but what waits to be printed does not grow for ever."""
    far_ahead = threading.Event()
    most = 0

    class Slow(io.StringIO):
        def write(self, text):
            if not self.getvalue():
                super().write(text)
                far_ahead.wait(0.3)
            return super().write(text)

    @task
    def outer():
        nonlocal most
        for _ in range(5_000):
            leaf()
            most = max(most, len(report._ends))
        far_ahead.set()

    with Session(Console(Slow(), force=True, summary=False), inherit=False, strict=True) as session:
        report = session.plugins["console"]._reports[session]
        leaf.submit()
        outer()
    assert most <= 1_001


def test_a_stream_that_the_collector_ends_while_another_tree_is_printed(shown, out):
    """Printing a call from inside the printing of another neither hangs nor mixes the two."""

    class Collecting(io.StringIO):
        def __init__(self):
            super().__init__()
            self.dropped = []

        def write(self, text):
            self.dropped.clear()
            return super().write(text)

    @task
    def stream():
        yield 1

    file = Collecting()
    with Session(Console(file, force=True, summary=False), inherit=False, strict=True):
        suspended = stream()
        next(suspended)
        file.dropped.append(suspended)
        del suspended
        leaf()
    assert [line.split()[:2] for line in file.getvalue().splitlines()] == [["✓", "leaf"], ["○", "stream"]]


def test_the_collector_may_end_a_stream_at_any_moment(session, shown):
    """Wherever in another call's report a dropped stream is collected, neither waits for the other."""

    @task
    def stream():
        yield 1

    @task
    def outer():
        return leaf()

    def drop_in_a_cycle():
        suspended = stream()
        next(suspended)
        cycle = [suspended]
        cycle.append(cycle)

    gc.collect()
    threshold = gc.get_threshold()
    try:
        for allocations in range(200):
            gc.disable()
            drop_in_a_cycle()
            gc.set_threshold(gc.get_count()[0] + allocations)
            gc.enable()
            outer()
            gc.collect()
    finally:
        gc.enable()
        gc.set_threshold(*threshold)
    assert sorted(shown()) == ["└── ✓ leaf"] * 200 + ["○ stream"] * 200 + ["✓ outer"] * 200


def test_what_is_kept_of_open_calls_is_bounded(session):
    """However many calls a long one makes, at every level, a hundred lines are kept."""

    @task
    def rows(n):
        for x in range(n):
            cells(x)

    @task
    def cells(x):
        for _ in range(20):
            leaf(x)

    @task
    def outer():
        for _ in range(12):
            rows(15)
        report = session.plugins["console"]._reports[session]
        branch = next(iter(report._open.values()))
        return branch.lines, count(branch), branch.calls

    def count(branch):
        return sum(1 + (0 if node.branch is None else count(node.branch)) for node in branch.shown)

    lines, kept, calls = outer()
    assert lines <= 101
    assert kept <= 101
    assert calls == 12 * (1 + 15 * (1 + 20))


def test_nothing_is_kept_of_calls_that_are_over(session):
    """Calls and groups leave nothing behind once they have ended."""
    leaf.map([1, 2])
    leaf()
    assert session.plugins["console"]._reports[session]._open == {}


def test_deep_recursion_is_folded(session, shown):
    """A tree has at most sixteen levels; what lies deeper is counted."""

    @task
    def deep(n):
        return deep(n - 1) if n else leaf(0)

    deep(60)
    lines = shown()
    assert len(lines) <= 17
    assert lines[-1].endswith(f"… {61 - (len(lines) - 2)} below")
