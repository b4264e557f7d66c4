"""Groups: told when they begin and end, exactly paired, around the calls they made."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar

import pytest

from pegboard import Group, Session, hookimpl, task
from pegboard.testing import FaultyPlugin, Recorder

mark: ContextVar[str] = ContextVar("mark", default="outside")


@task(name="double")
def double(x: int) -> int:
    if x < 0:
        raise ValueError(x)
    return 2 * x


@task(name="adouble")
async def adouble(x: int) -> int:
    if x < 0:
        raise ValueError(x)
    return 2 * x


def run_map(probe, items, **options) -> object:
    """Map a task of either colour, and return its results or its error."""
    try:
        if probe is double:
            return probe.map(items, **options)

        async def main() -> object:
            return await probe.amap(items, **options)

        return asyncio.run(main())
    except ValueError as error:
        return error


both = pytest.mark.parametrize("probe", [double, adouble], ids=["map", "amap"])


@both
def test_a_group_is_told_around_its_calls(probe) -> None:
    """before_group comes first and after_group last, with kind, name, size and counts."""
    recorder = Recorder()
    with Session(recorder):
        run_map(probe, [1, 2, 3])
    first, last = recorder.events[0], recorder.events[-1]
    assert (first.hook, last.hook) == ("before_group", "after_group")
    group = first.subject
    assert isinstance(group, Group)
    assert (group.kind, group.name, group.size, group.calls, group.failed) == ("map", probe.name, 3, 3, 0)
    assert all(event.subject.group is group for event in recorder.events[1:-1])
    assert last.details["outcome"].status == "ok"
    assert recorder.unbalanced() == []


@both
@pytest.mark.parametrize(("policy", "status"), [("raise", "error"), ("collect", "ok")])
def test_a_failing_group_ends_once(probe, policy: str, status: str) -> None:
    """The end carries status and error, and the group counts failures."""
    recorder = Recorder()
    with Session(recorder):
        run_map(probe, [-1], on_error=policy)
    (after,) = recorder.of("after_group")
    assert after.details["outcome"].status == status
    assert after.subject.failed == 1


@both
def test_the_size_of_a_lazy_input_is_unknown(probe) -> None:
    """`size` is None where nobody can know."""
    recorder = Recorder()
    with Session(recorder):
        run_map(probe, iter([1, 2]))
    assert recorder.events[0].subject.size is None


@both
def test_a_faulty_observer_of_groups_changes_nothing(probe) -> None:
    """Isolation holds for groups too."""
    with Session(FaultyPlugin(GeneratorExit)) as session:
        assert run_map(probe, [1, 2]) == [2, 4]
        assert session.observer_errors["faulty", "before_group"] == 1
        assert session.observer_errors["faulty", "after_group"] == 1


@both
def test_what_before_group_makes_current_is_so_for_the_items_alone(probe) -> None:
    """A span that an observer makes current is the parent of the items, and not of the caller."""
    seen = []

    class Marking:
        name = "marking"

        @hookimpl
        def before_group(self, group) -> None:
            mark.set(group.kind)

        @hookimpl
        def before_execute(self, call) -> None:
            seen.append(mark.get())

        @hookimpl
        def after_group(self, group) -> None:
            seen.append(f"after {mark.get()}")

    with Session(Marking()):
        run_map(probe, [1, 2])
        assert mark.get() == "outside"
    assert seen == ["map", "map", "after map"]


def test_an_observer_of_groups_that_maps_does_not_recurse() -> None:
    """A map made by an observer of groups is not told of again."""
    told = []

    class Mapping:
        name = "mapping"

        @hookimpl
        def before_group(self, group) -> None:
            told.append(group)
            double.map([1])

    with Session(Mapping()):
        assert double.map([1, 2]) == [2, 4]
    assert len(told) == 1


def test_a_strict_session_raises_what_an_observer_of_groups_did() -> None:
    """Strictness holds for groups."""
    faulty = FaultyPlugin(LookupError, hooks=["before_group"])
    with Session(faulty, strict=True), pytest.raises(LookupError):
        double.map([1])


def test_ids_of_groups_differ() -> None:
    """Two groups of one session have different ids, and no repr shows a value."""
    recorder = Recorder()
    with Session(recorder):
        double.map([1])
        double.map([1])
    first, second = (event.subject for event in recorder.of("before_group"))
    assert first.id != second.id
    assert repr(first) == f"<Group map double {first.id}>"
