"""A program that was edited between a crash and the resume."""

from __future__ import annotations

import asyncio

import pytest
from replaying import Crash, crashed, opened

from pegboard import hookimpl, task
from pegboard_durable import CodeChanged, Durable, JournalDiverged, Status, step


class Edits:
    """Keeps what is told of edited programs."""

    name = "edits"

    def __init__(self):
        self.orphans = []
        self.changed = []

    @hookimpl(optionalhook=True)
    def on_journal_orphan(self, call, key):
        self.orphans.append(key)

    @hookimpl(optionalhook=True)
    def on_code_changed(self, call, key):
        self.changed.append(key)


def program(variant, ran):
    """Make a run of A and B that crashes, or an edited one that goes on to C."""

    @task(Durable())
    def a(number=1):
        ran.append("A")
        return "A"

    if variant == "edited body":

        @task(Durable())
        def b(number=1):
            ran.append("B")
            return "new B"
    else:

        @task(Durable())
        def b(number=1):
            ran.append("B")
            return "B"

    @task(Durable())
    def c():
        ran.append("C")
        return "C"

    def steps():
        if variant == "swapped":
            return b() + a() + c()
        if variant == "changed argument":
            return a() + b(2) + c()
        if variant == "removed":
            return a() + c()
        if variant == "added":
            return a() + step("new", lambda: ran.append("N") or "N") + b() + c()
        if variant == "renamed":
            return a() + step("bb", b) + c()
        found = a() + b()
        if variant == "crashes":
            raise Crash
        return found + c()

    @task(Durable(key="program"))
    def root():
        return steps()

    return root


VARIANTS = {
    # variant: value, what ran after the crash, orphans; None for a run that diverges
    "as it was": ("ABC", ["C"], []),
    "swapped": ("BAC", ["C"], []),
    "changed argument": (None, [], []),
    "removed": ("AC", ["C"], ["b#1"]),
    "added": ("ANBC", ["N", "C"], []),
    "renamed": ("ABC", ["B", "C"], ["b#1"]),
    "edited body": ("ABC", ["C"], []),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_an_edited_program(tmp_path, variant) -> None:
    """Only the order of calls of one name counts: each edit has its documented outcome."""
    value, ran_after, orphans = VARIANTS[variant]
    ran, edits = [], Edits()
    root = program("crashes", ran)
    with opened(tmp_path) as durability:
        crashed(durability, root)
    ran.clear()
    root = program(variant, ran)
    with opened(tmp_path, edits) as durability:
        run = durability.resume("r")
    assert run.value == value
    if value is None:
        assert (run.status, type(run.error), run.error.key) == (Status.ATTENTION, JournalDiverged, "b#1")
    assert ran == ran_after
    assert variant in ("added", "renamed") or edits.orphans == orphans
    assert ("b#1" in edits.changed) is (variant == "edited body")


@pytest.mark.parametrize("variant", ["removed", "renamed"])
def test_under_strict_an_orphan_is_an_error_before_anything_new_begins(tmp_path, variant) -> None:
    """The run wants a look, and goes on with the program that it had."""
    ran = []
    root = program("crashes", ran)
    with opened(tmp_path) as durability:
        crashed(durability, root)
    ran.clear()
    root = program(variant, ran)
    with opened(tmp_path, strict=True) as durability:
        run = durability.resume("r")
        assert (run.status, type(run.error), run.error.key) == (Status.ATTENTION, JournalDiverged, "b#1")
        assert ran == []
        root = program("as it was", ran)
        assert durability.retry("r").value == "ABC"
    assert root


def test_under_strict_an_orphan_at_the_end_is_an_error(tmp_path) -> None:
    """A program that does less, and nothing new."""
    crash, ran = [True], []

    @task(Durable())
    def root():
        step("a", ran.append, 1)
        if crash[0]:
            step("b", ran.append, 2)
            raise Crash

    with opened(tmp_path, strict=True) as durability:
        crashed(durability, root)
        crash[0] = False
        assert isinstance(durability.resume("r").error, JournalDiverged)


@pytest.mark.parametrize("way", ["map", "gather", "submit", "plain coroutines"])
def test_under_strict_what_runs_side_by_side_is_no_orphan(tmp_path, way) -> None:
    """What is recorded of a lane may be read after another one has begun something new."""
    crash, ran = [True], []

    def body(number):
        if crash[0] and number == 0:
            raise Crash
        ran.append(number)
        return number

    @task(Durable())
    def item(number):
        return body(number)

    @task(Durable())
    async def aitem(number):
        await asyncio.sleep(0.01 * (number == 0))
        return body(number)

    @task
    async def plain(number):
        return await aitem(number)

    if way == "map":

        @task(Durable())
        def root():
            return item.map([1, 0, 2], concurrency=1 if crash[0] else 3)
    elif way == "submit":

        @task(Durable())
        def root():
            waiting = [item.submit(number) for number in (1, 2, 0)]
            return sorted(each.result() for each in waiting)
    else:

        @task(Durable())
        async def root():
            each = aitem if way == "gather" else plain
            return sorted(await asyncio.gather(*(each(number) for number in (1, 2, 0))))

    with opened(tmp_path) as durability:
        crashed(durability, root)
    crash[0] = False
    with opened(tmp_path, strict=True) as durability:
        run = durability.resume("r")
    assert (run.status, run.error) == (Status.DONE, None)


def test_strict_version_sets_a_run_with_edited_code_aside(tmp_path) -> None:
    """Its own task, or a step of it."""
    ran = []
    root = program("crashes", ran)
    with opened(tmp_path) as durability:
        crashed(durability, root)
    root = program("edited body", ran)
    with opened(tmp_path, strict_version=True) as durability:
        run = durability.resume("r")
        assert (run.status, type(run.error), run.error.key) == (Status.ATTENTION, CodeChanged, "b#1")
        root = program("as it was", ran)
        assert durability.retry("r").value == "ABC"
    assert root


def test_an_edited_task_of_the_run_is_told_with_an_empty_key(tmp_path) -> None:
    """It is no step."""
    edits = Edits()

    def first():
        @task(Durable())
        def root():
            raise Crash

        return root

    def second():
        @task(Durable())
        def root():
            return "edited"

        return root

    def renamed(make):
        made = make()
        made.__wrapped__.__qualname__ = "root"
        return made.with_options(Durable())

    root = renamed(first)
    with opened(tmp_path) as durability:
        crashed(durability, root)
    root = renamed(second)
    with opened(tmp_path, edits) as durability:
        assert durability.resume("r").value == "edited"
    assert edits.changed == [""]
    with opened(tmp_path, strict_version=True) as durability:
        root = renamed(first)
        crashed(durability, root, run_id="s")
        root = renamed(second)
        assert isinstance(durability.resume("s").error, CodeChanged)
